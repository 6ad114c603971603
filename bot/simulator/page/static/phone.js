import { bubble, patch } from './bubble.js';
import { byId, element } from './dom.js';
import { post } from './live.js';
import { become, chatId, me, shown, state } from './store.js';
import { announce, show } from './toasts.js';
import { say } from './words.js';

const NEAR_THE_END = 48; // pixels: who is there follows new messages
const FLASH_MS = 1600;
const drawn = new Map(); // message id -> its node, of the shown chat
let shownChat = '';
let unseen = 0;
let redraw = () => {};

/** Wires the phone up; `soon` asks for a drawing. */
export function begin(soon) {
  redraw = soon;
  byId('newer').addEventListener('click', () => { toEnd(); byId('chat').focus({ preventScroll: true }); });
  byId('chat').addEventListener('scroll', () => { if (atEnd()) unseen = 0; below(); }, { passive: true });
}

/** Keeps in mind which other chat got something while it was not open. */
export function note(messages) {
  for (const { chat, sender } of messages) {
    if (chat !== state.group && sender === null && chat !== chatId()) state.unread.add(chat);
  }
}

/** Shows the chat as it is now; `news` are the messages that came or changed. */
export function draw(news) {
  people();
  head();
  const view = `${state.run} ${state.me} ${chatId()}`;
  const follow = view !== shownChat || atEnd();
  if (view !== shownChat) {
    byId('chat').replaceChildren();
    drawn.clear();
    shownChat = view;
  }
  const added = messages();
  const welcome = news.filter((message) => added.has(message.id) && message.chat === chatId() && message.sender !== state.me);
  if (welcome.length) announce(say('new_message', { text: welcome.at(-1).text.split('\n')[0] || welcome.at(-1).document }));
  if (follow) return toEnd();
  unseen += welcome.length;
  below();
}

/** The button to the end of the chat says how many came meanwhile. */
function below() {
  const button = byId('newer');
  button.hidden = atEnd();
  button.textContent = unseen === 1 ? say('newer_one') : say(unseen ? 'newer_many' : 'newer_none', { n: unseen });
  button.ariaLabel = unseen ? null : say('to_end');
}

/** Puts every message of the chat in place; the ids of those that are new. */
function messages() {
  const chat = byId('chat');
  const all = shown();
  const byMessageId = new Map(all.map((message) => [message.id, message]));
  const added = new Set();
  for (const [id, node] of drawn) {
    if (!byMessageId.has(id)) { node.remove(); drawn.delete(id); }
  }
  for (const message of all) {
    const quoted = byMessageId.get(message.reply_to);
    const node = drawn.get(message.id);
    if (node) patch(node, message, quoted, taps);
    else {
      const made = bubble(message, quoted, taps);
      drawn.set(message.id, made);
      chat.append(made);
      added.add(message.id);
    }
  }
  empty(all.length === 0 && state.ready);
  return added;
}

function empty(isEmpty) {
  const box = byId('empty');
  const kind = isEmpty ? state.view : '';
  box.hidden = !isEmpty;
  if (box.dataset.kind === kind) return;
  box.dataset.kind = kind;
  if (kind === 'group' || kind === 'escalation') box.replaceChildren(say(`empty_${kind}`));
  if (kind === 'private') {
    box.replaceChildren(element('p', {}, say('empty_private')), element('button', { type: 'button', onclick: () => write('/start') }, say('start')));
  }
}

function people() {
  const box = byId('who');
  const key = `${state.users.map((user) => user.id)}`;
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    for (const old of box.querySelectorAll('label')) old.remove();
    box.append(...state.users.map((user) => element('label', {},
      element('input', { type: 'radio', name: 'who', value: user.id, onchange: () => { become(user.id); redraw(); } }),
      element('span', {}, user.name, element('small', {}, say(user.admin ? 'role_approver' : 'role_visitor'))))));
  }
  for (const input of box.querySelectorAll('input')) input.checked = Number(input.value) === state.me;
}

const VIEWS = ['group', 'private', 'escalation'];

function head() {
  byId('chat-title').textContent = { group: 'NOC', private: 'noc_bot', escalation: say('tab_escalation') }[state.view];
  byId('chat-sub').textContent = state.view === 'private' ? say('private_sub', { name: me().name }) : say('group_sub', { n: state.users.length + 1 });
  byId('composer').hidden = state.view === 'escalation'; // the bot listens to nobody there
  const tabs = byId('tabs');
  if (!tabs.children.length) {
    for (const view of VIEWS) {
      tabs.append(element('button', { type: 'button', onclick: () => { state.view = view; redraw(); } }, say(`tab_${view}`)));
    }
  }
  state.unread.delete(chatId());
  VIEWS.forEach((view, index) => tabs.children[index].setAttribute('aria-pressed', String(state.view === view)));
  tabs.children[1].classList.toggle('unread', state.unread.has(state.me));
  tabs.children[2].classList.toggle('unread', state.unread.has(state.escalation));
}

export async function write(text) {
  try {
    await post('/api/say', { user: state.me, private: state.view === 'private', text });
    toEnd();
  } catch (error) {
    show(error.message);
  }
}

const taps = {
  async press(message, data, button) {
    if (button.ariaBusy === 'true') return;
    button.ariaBusy = 'true';
    try {
      await post('/api/tap', { user: state.me, private: state.view === 'private', message: message.id, data });
    } catch (error) {
      show(error.message);
    } finally {
      button.ariaBusy = null;
    }
  },
  onCommand: (command) => write(command),
  onCard(id) {
    if (state.view === 'group') return jump(id);
    state.view = 'group';
    redraw();
    requestAnimationFrame(() => jump(id)); // after the drawing that was just asked for
  },
};

function jump(id) {
  const node = drawn.get(id);
  if (!node) return;
  node.scrollIntoView({ block: 'center' });
  node.focus({ preventScroll: true });
  node.classList.add('flash');
  setTimeout(() => node.classList.remove('flash'), FLASH_MS);
}

function atEnd() {
  const chat = byId('chat');
  return chat.scrollHeight - chat.scrollTop - chat.clientHeight < NEAR_THE_END;
}

function toEnd() {
  const chat = byId('chat');
  chat.scrollTop = chat.scrollHeight;
  unseen = 0;
  below();
}
