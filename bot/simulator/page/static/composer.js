import { byId, element } from './dom.js';
import { write } from './phone.js';
import { state } from './store.js';

let picked = -1;
let drawnFor = '';

/** Wires the input line and its menu of commands up. */
export function begin() {
  const input = byId('text');
  byId('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send(picked >= 0 ? `/${matching()[picked].command}` : input.value);
  });
  byId('slash').addEventListener('click', () => {
    const open = byId('menu').hidden;
    input.value = open ? '/' : '';
    list();
    input.focus();
  });
  input.addEventListener('input', list);
  input.addEventListener('keydown', move);
  input.addEventListener('blur', () => setTimeout(() => { if (document.activeElement !== byId('slash')) close(); }, 150));
}

/** The menu follows the commands that the bot set. */
export function draw() {
  const key = JSON.stringify(state.commands);
  if (key === drawnFor) return;
  drawnFor = key;
  if (!byId('menu').hidden) list();
}

function matching() {
  const text = byId('text').value;
  return text.startsWith('/') ? state.commands.filter(({ command }) => command.startsWith(text.slice(1).toLowerCase())) : [];
}

function list() {
  const found = matching();
  picked = -1;
  byId('menu').replaceChildren(...found.map(({ command, description }, index) => {
    const row = element('li', { role: 'option', id: `command-${index}`, 'aria-selected': 'false' }, element('b', {}, `/${command}`), ` ${description}`);
    row.addEventListener('pointerdown', (event) => { event.preventDefault(); send(`/${command}`); });
    return row;
  }));
  show(found.length > 0);
}

function show(open) {
  byId('menu').hidden = !open;
  for (const id of ['text', 'slash']) byId(id).setAttribute('aria-expanded', String(open));
  if (!open) { picked = -1; byId('text').removeAttribute('aria-activedescendant'); }
}

function close() {
  show(false);
}

function move(event) {
  const rows = [...byId('menu').children];
  if (byId('menu').hidden || !rows.length) return;
  if (event.key === 'Escape') return close();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  picked = (picked + step + rows.length) % rows.length;
  rows.forEach((row, index) => row.setAttribute('aria-selected', String(index === picked)));
  rows[picked].scrollIntoView({ block: 'nearest' });
  byId('text').setAttribute('aria-activedescendant', rows[picked].id);
}

function send(text) {
  byId('text').value = '';
  close();
  if (text.trim()) write(text.trim());
}
