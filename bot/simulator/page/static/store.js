// What the page knows, as the server told it, and who looks at it.
const WHATSAPP_KEPT = 60;
const PEOPLE_KEPT = 'olt-noc-bot.me';

export const state = {
  ready: false, run: '', group: 0, escalation: 0, users: [], commands: [], me: 501,
  view: 'group', // or private, escalation
  chats: new Map(), // chat id -> Map(message id -> message)
  ports: new Map(), // "OLT 1/2" -> port
  whatsapp: [], // newest last
  counters: { sent: 0, duplicates: 0 },
  bot: { state: 'stopped' }, gateway: { mode: 'ok' }, phones: { mode: 'on' }, telegram: { away: false }, caption: null,
  unread: new Set(), // chats besides the group that have something new
};

export const portKey = (port) => `${port.olt} ${port.slot}/${port.pon}`;
export const chatId = () => ({ group: state.group, private: state.me, escalation: state.escalation })[state.view];
export const me = () => state.users.find((user) => user.id === state.me) ?? { id: state.me, name: '', admin: false };

/** The messages of the shown chat that this person sees, in order. */
export function shown() {
  const all = [...(state.chats.get(chatId())?.values() ?? [])];
  return all.filter((message) => message.ephemeral_for === null || message.ephemeral_for === state.me);
}

/** Forgets everything and takes the snapshot. */
export function reset(snapshot) {
  state.chats.clear();
  state.ports.clear();
  state.whatsapp = [];
  state.run = snapshot.run;
  state.group = snapshot.group;
  state.escalation = snapshot.escalation;
  state.users = snapshot.users;
  if (!state.ready) state.me = remembered() ?? snapshot.users[0].id;
  state.ready = true;
  apply({ ...snapshot, message: snapshot.messages });
}

/** Takes a change; what it holds of each kind is the newest there is. */
export function apply(change) {
  for (const message of change.message ?? []) keep(message);
  for (const port of change.world ?? []) state.ports.set(portKey(port), port);
  const last = state.whatsapp.at(-1)?.id ?? 0;
  // A change may tell again what the snapshot before it told already.
  state.whatsapp.push(...(change.whatsapp ?? []).filter((message) => message.id > last));
  state.whatsapp.splice(0, state.whatsapp.length - WHATSAPP_KEPT);
  const byNumber = new Map(state.whatsapp.map((message) => [message.id, message]));
  for (const receipt of change.receipt ?? []) Object.assign(byNumber.get(receipt.id) ?? {}, receipt);
  for (const kind of ['counters', 'bot', 'gateway', 'phones', 'telegram', 'commands', 'caption']) {
    if (kind in change) state[kind] = change[kind];
  }
}

export function become(userId) {
  state.me = userId;
  state.view = 'group';
  try { localStorage.setItem(PEOPLE_KEPT, String(userId)); } catch { /* a browser without storage forgets */ }
}

function keep(message) {
  if (!state.chats.has(message.chat)) state.chats.set(message.chat, new Map());
  const chat = state.chats.get(message.chat);
  if (message.deleted) chat.delete(message.id);
  else chat.set(message.id, message);
}

function remembered() {
  try {
    const id = Number(localStorage.getItem(PEOPLE_KEPT));
    return state.users.some((user) => user.id === id) ? id : null;
  } catch {
    return null;
  }
}
