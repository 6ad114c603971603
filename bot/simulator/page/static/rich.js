import { element } from './dom.js';

// Telegram's clients get plain text and entities with UTF-16 offsets, which is what JavaScript counts in.
// So nothing here reads markup: a customer called <img onerror=...> is text like any other.
const TAGS = {
  bold: 'b', italic: 'i', underline: 'u', strikethrough: 's', code: 'code', pre: 'pre',
  blockquote: 'blockquote', expandable_blockquote: 'blockquote', custom_emoji: 'span',
};
const COMMAND = /(^|\s)(\/[a-z0-9_]{1,32})(?=\s|$|[.,:;)])/gi;
const CARD_LINK = /^https:\/\/t\.me\/c\/(\d+)\/(?:\d+\/)?(\d+)$/;

/** The nodes of a message's text. `onCommand(text)` and `onCard(id)` are called on a tap on one. */
export function rich(text, entities, { onCommand, onCard }) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const root = document.createDocumentFragment();
  fill(root, 0, text.length, sorted);
  return root;

  function fill(parent, from, to, inside) {
    let at = from;
    while (inside.length) {
      const entity = inside.shift();
      const end = Math.min(to, entity.offset + entity.length);
      if (entity.offset < at || end <= entity.offset) continue;
      plain(parent, text.slice(at, entity.offset));
      const nested = [];
      while (inside.length && inside[0].offset < end) nested.push(inside.shift());
      const node = wrap(entity, text.slice(entity.offset, end));
      fill(node, entity.offset, end, nested);
      parent.append(node);
      at = end;
    }
    plain(parent, text.slice(at, to));
  }

  function plain(parent, piece) {
    if (!piece) return;
    if (parent.nodeName === 'CODE' || parent.nodeName === 'PRE' || parent.nodeName === 'A') return parent.append(piece);
    let at = 0;
    for (const found of piece.matchAll(COMMAND)) {
      const begin = found.index + found[1].length;
      parent.append(piece.slice(at, begin), button(found[2]));
      at = begin + found[2].length;
    }
    parent.append(piece.slice(at));
  }

  function button(command) {
    return element('button', { type: 'button', class: 'link', onclick: () => onCommand(command) }, command);
  }

  function wrap(entity, covered) {
    if (entity.type === 'text_link') return link(entity.url ?? '');
    if (entity.type === 'text_mention') return element('span', { class: 'mention' });
    if (entity.type === 'spoiler') return spoiler(covered);
    return document.createElement(TAGS[entity.type] ?? 'span');
  }

  function link(url) {
    const card = CARD_LINK.exec(url);
    if (card) return element('a', { href: '#chat', onclick: (event) => { event.preventDefault(); onCard(Number(card[2])); } });
    return /^https?:\/\//i.test(url) ? element('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }) : element('span');
  }
}

function spoiler(covered) {
  const node = element('span', { class: 'spoiler', role: 'button', tabindex: '0', 'aria-label': '•'.repeat(Math.min(8, covered.length)) });
  const open = () => { node.classList.add('open'); node.removeAttribute('aria-label'); node.removeAttribute('role'); };
  node.addEventListener('click', open);
  node.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); } });
  return node;
}
