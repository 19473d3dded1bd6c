// What pages are made of: tables, forms, questions, messages.

import { fill, h } from './dom.js';

/** Tells everybody, those who listen too. */
export function say(text) {
  fill(document.getElementById('live'), h('p', {}, text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => fill(document.getElementById('live')), 8000);
}

/** What failed, with what central's log calls it, and a way to try again. */
export function problemBox(problem, retry) {
  return h('div', { class: 'problem', role: 'alert' }, h('p', {}, problem.message),
    problem.requestId && h('p', { class: 'quiet' }, 'Request ', h('code', {}, problem.requestId)),
    retry && h('button', { type: 'button', onclick: retry }, 'Try again'));
}

/** A word of a state, which its colour repeats. */
export const badge = (word, kind = word) => h('span', { class: `badge ${kind}` }, word);
export const chips = (words) => words.map((word) => h('span', { class: 'chip' }, word));
export const labelTexts = (labels) => Object.entries(labels ?? {}).map(([key, value]) => (value ? `${key}=${value}` : key));
export const button = (text, onclick, kind) => h('button', { type: 'button', class: kind, onclick }, text);
export const section = (title, ...content) => h('section', {}, h('h2', {}, title), content);

/** Pairs of a name and a value; those without a value are left out. */
export const facts = (pairs) => h('dl', {}, pairs
  .filter(([, value]) => value !== undefined && value !== null && value !== '')
  .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));

/** A table; each column has a title and what a row shows in it. On a narrow screen each row is a card. */
export function table(caption, columns, rows, none) {
  if (!rows.length) return h('p', { class: 'quiet' }, none);
  const cell = (row) => ([title, show]) => h('td', { role: 'cell', 'data-title': title }, h('div', {}, show(row) ?? '–'));
  const line = (row) => h('tr', { role: 'row' }, columns.map(cell(row)));
  const head = h('tr', { role: 'row' }, columns.map(([title]) => h('th', { role: 'columnheader', scope: 'col' }, title)));
  return h('table', { role: 'table' }, h('caption', {}, caption), h('thead', { role: 'rowgroup' }, head),
    h('tbody', { role: 'rowgroup' }, rows.map(line)));
}

/** A time, as how long ago it was or in how long it will be. */
export function time(text, never = 'never') {
  if (!text) return never;
  const then = new Date(text);
  const seconds = Math.round((Date.now() - then) / 1000);
  const [left, unit] = [[86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']]
    .map(([size, unit]) => [Math.floor(Math.abs(seconds) / size), unit]).find(([count]) => count) ?? [0, 's'];
  const words = seconds < 0 ? `in ${left}${unit}` : `${left}${unit} ago`;
  return h('time', { datetime: text, title: then.toLocaleString() }, words);
}

let fields = 0;

/** A field with its label; `options` makes it a choice, `lines` a text of several lines. */
export function field(title, name, { options, lines, hint, ...attributes } = {}) {
  const id = `f${fields += 1}`;
  const described = hint && `${id}h`;
  const all = { id, name, 'aria-describedby': described, spellcheck: 'false', autocomplete: 'off', ...attributes };
  let input;
  if (options) input = h('select', all, options.map(([value, text]) => h('option', { value, selected: value === all.value }, text)));
  else input = h(lines ? 'textarea' : 'input', { rows: lines, ...all });
  return h('div', { class: 'field' }, h('label', { for: id }, title), input, hint && h('p', { id: described, class: 'quiet' }, hint));
}

/** Choices of which any number may be taken. */
export const checks = (title, name, values, taken = []) => h('fieldset', {}, h('legend', {}, title), values.map((value) =>
  h('label', { class: 'check' }, h('input', { type: 'checkbox', name, value, checked: taken.includes(value) }), value)));

/** A form that says what failed and keeps what was typed. `work` gets the fields, and what it returns is shown below. */
export function form(parts, action, work, kind) {
  const submit = h('button', { class: kind ?? 'primary' }, action);
  const answer = h('div', { class: 'answer', 'aria-live': 'polite' });
  const element = h('form', { method: 'post', class: 'form', async onsubmit(event) {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    try {
      fill(answer, await work(new FormData(element), element));
    } catch (problem) {
      fill(answer, problemBox(problem));
    } finally {
      submit.disabled = false;
    }
  } }, parts, h('div', { class: 'actions' }, submit), answer);
  return element;
}

/** A text to copy: a command, or a secret that is shown once. */
export function copyBox(text, title) {
  const code = h('pre', { tabindex: 0, role: 'group', 'aria-label': title }, h('code', {}, text));
  return h('div', { class: 'copy' }, code, button('Copy', async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied.');
    } catch {
      getSelection().selectAllChildren(code);
      say('The browser does not let the console copy: it is selected.');
    }
  }));
}

export const secretBox = (what, text) => h('div', { class: 'secret' },
  h('p', {}, h('strong', {}, `${what}. `), 'It is shown this once: keep it now.'), copyBox(text, what));

/** Asks before something is done that cannot be undone; `typed` must be typed for it. */
export function confirmed(title, text, action, work, typed) {
  const shown = document.activeElement;
  const dialog = h('dialog', { 'aria-labelledby': 'asked', onclose: () => { dialog.remove(); shown?.focus?.(); } });
  const done = async (data) => {
    if (typed && data.get('typed').trim() !== typed) throw new Error(`Type ${typed} to confirm.`);
    await work();
    dialog.close();
  };
  fill(dialog, h('h2', { id: 'asked' }, title), h('p', {}, text),
    form(typed && field(`Type ${typed} to confirm`, 'typed', { required: true }), action, done, 'danger'),
    button('Cancel', () => dialog.close()));
  document.body.append(dialog);
  dialog.showModal();
}
