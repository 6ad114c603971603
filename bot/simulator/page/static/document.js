import { byId, element } from './dom.js';
import { locale, say } from './words.js';

const PREVIEW = 20_000; // characters
const READABLE = /\.(csv|json|txt)$/i;
const PICTURE = /\.(png|jpe?g)$/i;

/** A link to a message's document: text opens, a picture is shown, the rest is saved; null without one. */
export function documentLink(message) {
  if (!message.document) return null;
  // The Bot API simulator's file_id (telegram_state.py).
  const address = `/document/doc${Math.abs(message.chat)}x${message.id}`;
  if (message.photo) return element('a', { class: 'file', href: address, download: message.document }, element('img', { class: 'picture', src: address, alt: message.text || message.document, loading: 'lazy' }));
  const link = element('a', { class: 'file', href: address, download: message.document },
    element('span', { class: 'file-icon', 'aria-hidden': 'true' }, message.document.split('.').pop().slice(0, 4).toUpperCase()),
    element('span', { class: 'file-name' }, message.document, element('small', {}, size(message.size))));
  if (PICTURE.test(message.document)) link.prepend(element('img', { class: 'picture', src: address, alt: message.document, loading: 'lazy' }));
  if (READABLE.test(message.document)) link.addEventListener('click', (event) => { event.preventDefault(); open(address, message.document); });
  return link;
}

async function open(address, name) {
  const answer = await fetch(address);
  if (!answer.ok) return;
  const text = await answer.text();
  byId('document-name').textContent = name;
  byId('document-text').textContent = text.length > PREVIEW ? `${text.slice(0, PREVIEW)}\n${say('cut_short')}` : text;
  byId('document-save').href = address;
  byId('document-save').download = name;
  byId('document').showModal();
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toLocaleString(locale, { maximumFractionDigits: 1 })} KB`;
}
