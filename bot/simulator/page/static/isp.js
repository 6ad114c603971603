import { byId, element } from './dom.js';
import { portKey, state } from './store.js';
import { number, say } from './words.js';

const PONS = 16;
const MODES = ['ok', 'slow', 'refuses', 'throttles', 'loses', 'down'];
const PHONES = ['on', 'unreachable', 'off'];
const cells = new Map(); // port key -> button
let drawnKeys = '';
let picked = '';
let act = () => {};
let redraw = () => {};

/** Wires the controls up; `onAct(body)` asks the server to do something. */
export function begin(onAct, soon) {
  act = onAct;
  redraw = soon;
  const button = (label, body, extra = {}) => element('button', { type: 'button', onclick: async () => reveal(await act(body())), ...extra }, say(label));
  byId('controls').append(
    group('breaks',
      button('cut_any', () => ({ action: 'cut' }), { class: 'los' }),
      button('cable', () => ({ action: 'cable' }), { class: 'los' }),
      button('storm', () => ({ action: 'storm' }), { class: 'los' }),
      button('district', () => ({ action: 'district' }), { class: 'power' }),
      button('flap', () => ({ action: 'flap' })),
      button('repair_all', () => ({ action: 'repair_all' }), { class: 'good' })),
    group('gateway', ...MODES.map((mode) => button(`g_${mode}`, () => ({ action: 'gateway', mode }), { 'data-mode': mode, 'aria-pressed': 'false' }))),
    group('phones', ...PHONES.map((mode) => button(`p_${mode}`, () => ({ action: 'phones', mode }), { 'data-phones': mode, 'aria-pressed': 'false' }))),
    group('systems',
      button('token', () => ({ action: 'token' })),
      button('away', () => ({ action: 'telegram', away: !state.telegram.away }), { id: 'away', 'aria-pressed': 'false' }),
      button('kill', () => ({ action: 'bot', run: !running() }), { id: 'bot', class: 'los' })));
  byId('map').addEventListener('keydown', walk);
}

const running = () => state.bot.state === 'running' || state.bot.state === 'starting';

function group(title, ...buttons) {
  const id = `group-${title}`;
  return element('div', { class: `group ${title}`, role: 'group', 'aria-labelledby': id }, element('h3', { id }, say(title)), element('div', { class: 'buttons' }, ...buttons));
}

/** The map and the switches as they are now. */
export function draw() {
  const keys = [...state.ports.keys()].join();
  if (keys !== drawnKeys) {
    drawnKeys = keys;
    map();
  }
  for (const [key, cell] of cells) dress(cell, state.ports.get(key));
  if (!state.ports.has(picked)) picked = '';
  port();
  for (const node of document.querySelectorAll('[data-mode]')) node.setAttribute('aria-pressed', String(node.dataset.mode === state.gateway.mode));
  for (const node of document.querySelectorAll('[data-phones]')) node.setAttribute('aria-pressed', String(node.dataset.phones === state.phones.mode));
  byId('away').setAttribute('aria-pressed', String(state.telegram.away));
  const bot = byId('bot');
  bot.textContent = say(running() ? 'kill' : 'start_bot');
  bot.className = running() ? 'los' : 'good';
}

function map() {
  cells.clear();
  const olts = grouped([...state.ports.values()], (port) => port.olt);
  byId('map').replaceChildren(...[...olts].map(([name, ports]) => element('section', { class: 'olt', 'aria-label': name },
    element('h3', {}, name, element('small', {}, say('olt_sub', { n: number(ports.reduce((sum, { onus }) => sum + onus, 0)) }))),
    ...[...grouped(ports, ({ slot }) => slot)].map(([slot, inSlot]) => element('div', { class: 'slot', role: 'group', 'aria-label': say('slot', { n: slot }) },
      element('span', { class: 'slot-name', 'aria-hidden': 'true' }, String(slot)),
      ...inSlot.map(cell), ...unused(inSlot))))));
  const first = byId('map').querySelector('.pon');
  if (first) first.tabIndex = 0;
}

/** A slot has 16 PONs, whether somebody lives on them or not. */
function unused(inSlot) {
  return Array.from({ length: Math.max(0, PONS - inSlot.length) }, () => element('span', { class: 'unused', 'aria-hidden': 'true' }));
}

function grouped(items, by) {
  const groups = new Map();
  for (const item of items) groups.set(by(item), [...(groups.get(by(item)) ?? []), item]);
  return groups;
}

function cell(of) {
  const key = portKey(of);
  const node = element('button', { type: 'button', class: 'pon', tabindex: '-1' }, String(of.pon));
  node.addEventListener('click', () => { picked = picked === key ? '' : key; redraw(); });
  node.addEventListener('focus', () => { rove(node); });
  cells.set(key, node);
  return node;
}

function dress(node, { olt, slot, pon, onus, state: now }) {
  const chosen = portKey({ olt, slot, pon }) === picked;
  if (node.dataset.state === now && node.ariaPressed === String(chosen)) return;
  node.dataset.state = now;
  node.ariaPressed = String(chosen);
  node.title = say('port_label', { olt, port: `${slot}/${pon}`, n: onus, state: say(`state_${now}`) });
  node.setAttribute('aria-label', node.title);
}

/** One cell of the map is in the tab order; the arrows move it. */
function rove(node) {
  for (const other of cells.values()) other.tabIndex = other === node ? 0 : -1;
}

function walk(event) {
  const all = [...cells.values()];
  const at = all.indexOf(document.activeElement);
  if (at < 0) return;
  const box = all[at].getBoundingClientRect();
  let next;
  if (event.key === 'ArrowRight') next = all[at + 1];
  else if (event.key === 'ArrowLeft') next = all[at - 1];
  else if (event.key === 'Home') next = all[0];
  else if (event.key === 'End') next = all.at(-1);
  else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') next = nearest(all, box, event.key === 'ArrowDown' ? 1 : -1);
  else return;
  event.preventDefault();
  next?.focus();
}

/** Scrolls the map, and nothing else, to the first port that was hit. */
function reveal(done) {
  const [hit] = done?.ports ?? [];
  const node = hit && cells.get(hit.join(' '));
  if (!node) return;
  const box = byId('map').getBoundingClientRect();
  const at = node.getBoundingClientRect();
  if (at.top < box.top || at.bottom > box.bottom) byId('map').scrollTop += at.top - box.top - box.height / 2;
}

/** The cell in the next row above or below that is closest to the same column. */
function nearest(all, from, direction) {
  let best = null;
  let least = Infinity;
  for (const node of all) {
    const box = node.getBoundingClientRect();
    const down = (box.top - from.top) * direction;
    const distance = down * 10 + Math.abs(box.left - from.left);
    if (down > 1 && distance < least) { best = node; least = distance; }
  }
  return best;
}

/** What can be done to the chosen port. */
function port() {
  const box = byId('port');
  const chosen = state.ports.get(picked);
  const key = chosen ? `${picked} ${chosen.state}` : 'none';
  if (box.dataset.key === key) return;
  const focused = box.contains(document.activeElement);
  box.dataset.key = key;
  if (!chosen) {
    box.replaceChildren(element('p', {}, say('pick')));
    return;
  }
  const where = { olt: chosen.olt, port: `${chosen.slot}/${chosen.pon}` };
  const button = (label, action, kind) => element('button', { type: 'button', class: kind, onclick: () => act({ action, ...where }) }, say(label));
  const choices = chosen.state === 'ok'
    ? [button('cut', 'cut', 'los'), button('power_port', 'power', 'power'), button('flap_port', 'flap', '')]
    : [button('repair', 'repair', 'good')];
  box.replaceChildren(
    element('p', {}, element('b', {}, `${where.olt} · ${where.port}`), ` · ${say('onus', { n: chosen.onus })} · ${say(`state_${chosen.state}`)}`),
    element('div', { class: 'buttons' }, ...choices));
  if (focused) box.querySelector('button').focus();
}
