import { byId, element } from './dom.js';
import { state } from './store.js';
import { locale, zone } from './words.js';

const SHOWN = 48;
const CALM = 12; // more than so many at once come without movement
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: zone });
let last = 0;
let run = '';

/** The newest WhatsApp messages, newest first. */
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
  if (!fresh.length) return;
  last = newest;
  list.prepend(...fresh.reverse().map((message) => arrival(message, fresh.length <= CALM)));
  while (list.children.length > SHOWN) list.lastElementChild.remove();
}

function arrival({ id, name, phone, text, at }, moves) {
  return element('li', { class: moves ? 'arrival moves' : 'arrival', 'data-id': id },
    element('p', { class: 'arrival-head' }, element('b', {}, name), ' ', element('span', {}, pretty(phone))),
    element('p', { class: 'arrival-text' }, text, element('span', { class: 'arrival-meta' }, `${clock.format(new Date(at))} `, element('span', { class: 'ticks', 'aria-hidden': 'true' }, '✓✓'))));
}

/** `+55 61 90000-0001`. */
function pretty(phone) {
  const found = /^(55)(\d\d)(\d{4,5})(\d{4})$/.exec(phone);
  return found ? `+${found[1]} ${found[2]} ${found[3]}-${found[4]}` : phone;
}
