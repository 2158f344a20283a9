// Moments in the time of who looks at them: <time datetime="..." data-clock> says the hour.

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

for (const one of document.querySelectorAll("time[data-clock]")) one.textContent = hour.format(new Date(one.dateTime));
