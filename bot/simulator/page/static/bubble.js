import { documentLink } from './document.js';
import { element } from './dom.js';
import { rich } from './rich.js';
import { state } from './store.js';
import { show } from './toasts.js';
import { locale, say, zone } from './words.js';

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: zone });
const QUOTED = 80; // characters of a message that is answered

/** A message as a list item; `taps` has what its buttons, commands and links do. */
export function bubble(message, quoted, taps) {
  const mine = message.sender === state.me;
  const node = element('li', { class: `message ${mine ? 'mine' : ''} ${message.sender === null ? 'bot' : ''}`, tabindex: '-1' },
    element('div', { class: 'bubble' },
      mine ? null : element('span', { class: 'from' }, message.sender_name ?? 'NOC bot'),
      quoted ? element('span', { class: 'quoted' }, element('b', {}, quoted.sender_name ?? 'NOC bot'), ` ${quoted.text.slice(0, QUOTED)}`) : null,
      documentLink(message),
      element('div', { class: 'text' }),
      element('span', { class: 'meta' })),
    element('div', { class: 'keys' }));
  patch(node, message, quoted, taps);
  return node;
}

/** Makes the item show the message as it is now, touching only what changed. */
export function patch(node, message, _quoted, taps) {
  if (node.message === message) return;
  const before = node.message;
  node.message = message;
  if (before?.text !== message.text || JSON.stringify(before.entities) !== JSON.stringify(message.entities)) {
    node.querySelector('.text').replaceChildren(rich(message.text, message.entities, taps));
  }
  const parts = [message.reactions.join(' '), message.ephemeral_for === null ? '' : say('only_you'), message.silent ? `🔕 ${say('silent')}` : '', message.edited ? say('edited') : '', clock.format(message.date * 1000)];
  node.querySelector('.meta').textContent = parts.filter(Boolean).join(' · ');
  if (JSON.stringify(before?.buttons) !== JSON.stringify(message.buttons)) keys(node, before?.buttons ?? [], taps);
}

/** Buttons that do the same stay the same nodes; where the row changes, the focus goes to what is left of it. */
function keys(node, before, taps) {
  const box = node.querySelector('.keys');
  const rows = node.message.buttons;
  if (shape(before) === shape(rows)) {
    const nodes = [...box.querySelectorAll('.key-button')];
    rows.flat().forEach((button, index) => dress(nodes[index], button));
    return;
  }
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  box.replaceChildren(...rows.map((row) => element('div', { class: 'row' }, ...row.map((button) => key(node, button, taps)))));
  if (focused === null) return;
  const same = [...box.querySelectorAll('.key-button')].find((button) => button.dataset.does === focused);
  (same ?? node).focus({ preventScroll: true });
}

const does = (button) => button.data ?? button.url ?? button.copy;
const shape = (rows) => JSON.stringify(rows.map((row) => row.map(does)));

function key(node, button, taps) {
  const made = button.url && /^https?:\/\//i.test(button.url)
    ? element('a', { href: button.url, target: '_blank', rel: 'noopener noreferrer' })
    : element('button', { type: 'button' });
  made.className = 'key-button';
  made.dataset.does = does(button);
  made.append(element('span', {}));
  if (button.data) made.addEventListener('click', () => taps.press(node.message, button.data, made));
  if (button.copy) made.addEventListener('click', () => navigator.clipboard.writeText(button.copy).then(() => show(say('copied'))));
  dress(made, button);
  return made;
}

function dress(node, button) {
  node.firstChild.textContent = button.text;
  node.dataset.style = button.style ?? '';
}
