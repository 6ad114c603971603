import { byId, element } from './dom.js';
import { state } from './store.js';
import { has, locale, say, zone } from './words.js';

const SHOWN = 48;
const CALM = 12; // more than so many at once come without movement
const TICKS = { sent: '✓', delivered: '✓✓', read: '✓✓', failed: '⚠' };
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: zone });
let last = 0;
let run = '';
let act = () => {};

/** `onAct(body)` asks the server to do something. */
export function begin(onAct) {
  act = onAct;
}

/** The newest WhatsApp messages, newest first, as they stand on their phones. */
export function draw() {
  const list = byId('arrivals');
  const newest = state.whatsapp.at(-1)?.id ?? 0;
  byId('no-arrivals').hidden = newest > 0;
  if (run !== state.run) {
    run = state.run;
    last = 0;
    list.replaceChildren();
  }
  const fresh = state.whatsapp.filter((message) => message.id > last).slice(-SHOWN);
  last = newest;
  list.prepend(...fresh.reverse().map((message) => arrival(message, fresh.length <= CALM)));
  while (list.children.length > SHOWN) list.lastElementChild.remove();
  const byNumber = new Map(state.whatsapp.map((message) => [String(message.id), message]));
  for (const node of list.children) stands(node, byNumber.get(node.dataset.id));
}

function arrival({ id, name, phone, text, at }, moves) {
  return element('li', { class: moves ? 'arrival moves' : 'arrival', 'data-id': id },
    element('p', { class: 'arrival-head' }, element('b', {}, name), ' ', element('span', {}, pretty(phone))),
    element('p', { class: 'arrival-text' }, text, element('span', { class: 'arrival-meta' }, `${clock.format(new Date(at))} `, element('span', { class: 'ticks', role: 'img' }))),
    element('p', { class: 'arrival-why', hidden: true }),
    element('p', { class: 'arrival-answer' }, element('button', { type: 'button', 'aria-label': say('answer_stop', { name }), onclick: () => act({ action: 'stop', message: id }) }, 'PARAR')));
}

/** The ticks of a message, why it did not arrive, and what the customer answered. */
function stands(node, message) {
  if (!message) return;
  const key = `${message.state} ${message.why} ${message.answer}`;
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.dataset.state = message.state;
  const ticks = node.querySelector('.ticks');
  ticks.textContent = TICKS[message.state];
  ticks.setAttribute('aria-label', say(`tick_${message.state}`));
  const why = node.querySelector('.arrival-why');
  why.hidden = message.state !== 'failed';
  why.textContent = why.hidden ? '' : `${say('tick_failed')}: ${has(`why_${message.why}`) ? say(`why_${message.why}`) : message.why}`;
  if (message.answer) node.querySelector('.arrival-answer').replaceChildren(element('span', { class: 'answered' }, message.answer));
  node.querySelector('.arrival-answer').hidden = message.state === 'failed' && !message.answer;
}

/** `+55 61 90000-0001`. */
function pretty(phone) {
  const found = /^(55)(\d\d)(\d{4,5})(\d{4})$/.exec(phone);
  return found ? `+${found[1]} ${found[2]} ${found[3]}-${found[4]}` : phone;
}
