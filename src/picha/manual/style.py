"""How the documentation page looks: one sheet, light or dark as the reader's system is, from phone to desk."""

STYLE = """
:root { color-scheme: light dark; --ink: #16202a; --soft: #586673; --paper: #fff; --card: #fff; --line: #dde3e8;
  --code: #f4f6f8; --accent: #0b7a53; --get: #1b62b8; --post: #0b7a53; --delete: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa7b3; --paper: #11161b; --card: #171d23; --line: #2b343d; --code: #1e262e;
    --accent: #4cc38a; --get: #79b3f2; --post: #4cc38a; --delete: #f2938c; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, pre:focus-visible, .wide:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 2px; border-radius: .25rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; z-index: 1; }
.frame { display: grid; grid-template-columns: 19rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 1.5rem 1rem;
  border-right: 1px solid var(--line); font-size: .875rem; }
nav h2 { font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft);
  margin: 1.25rem 0 .25rem; border: 0; padding: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: flex; gap: .5rem; align-items: baseline; padding: .2rem .25rem; color: inherit;
  text-decoration: none; border-radius: .25rem; overflow-wrap: break-word; }
nav li a:hover { background: var(--code); }
nav .method { min-width: 3.2rem; }
main { padding: 1.5rem 2.5rem 6rem; min-width: 0; }
h1 { font-size: 2rem; line-height: 1.2; margin: .25rem 0 .5rem; }
h2 { margin: 3rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { margin: 0; font-size: 1.1rem; }
h4 { margin: 1.25rem 0 .35rem; font-size: .9375rem; }
p { margin: .5rem 0; max-width: 46rem; }
code, pre { font: .8125rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--code); padding: .1em .3em; border-radius: .25rem; overflow-wrap: anywhere; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .4rem; padding: .75rem 1rem;
  overflow-x: auto; margin: .25rem 0 .75rem; user-select: all; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
article { border: 1px solid var(--line); border-radius: .6rem; background: var(--card); padding: 1rem 1.25rem;
  margin: 1rem 0; }
article:target { border-color: var(--accent); }
.path { display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; margin: .25rem 0; }
.path code { background: none; padding: 0; font-size: .9375rem; }
.method { font: 600 .75rem/1 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.get { color: var(--get); } .post, .put, .patch { color: var(--post); } .delete { color: var(--delete); }
.title { font-size: .875rem; color: var(--soft); margin: .75rem 0 .1rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: .9375rem; padding: .2rem 0; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td:first-child { white-space: nowrap; }
.fields th:first-child { width: 40%; } .fields th:nth-child(2) { width: 6rem; }
.fields td:nth-child(3) { min-width: 14rem; }
.needed { color: var(--delete); font-size: .75rem; }
dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1rem; margin: 1rem 0; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; }
dl.facts code { user-select: all; }
.narrow { display: none; }
@media (max-width: 60rem) {
  .narrow { display: block; }
  .frame { display: flex; flex-direction: column; }
  nav { order: 2; position: static; max-height: none; border-right: 0; border-top: 1px solid var(--line); }
  main { padding: 1rem; }
  article { padding: .75rem .9rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .5rem; }
  td:first-child { white-space: normal; }
}
"""
