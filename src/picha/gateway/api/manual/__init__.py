"""The gateway tells what it can do: its OpenAPI document, and the page that shows it to a person."""
