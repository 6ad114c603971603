import { byId } from './dom.js';
import { state } from './store.js';
import { say } from './words.js';

const SECONDS = 5;
let timer = 0;

/** A line over the chat that goes by itself. */
export function show(text) {
  const toast = byId('toast');
  toast.textContent = text;
  toast.hidden = false;
  announce(text);
  clearTimeout(timer);
  timer = setTimeout(() => { toast.hidden = true; }, SECONDS * 1000);
}

/** For screen readers only. */
export function announce(text) {
  byId('announce').textContent = text;
}

/** What the bot answered to somebody's tap: a toast, or an alert that wants an OK. */
export function answered({ user, text, alert }) {
  if (!text) return;
  if (user !== state.me) {
    const name = state.users.find((other) => other.id === user)?.name ?? user;
    show(say('by', { name, text }));
  } else if (alert) {
    byId('alert-text').textContent = text;
    if (!byId('alert').open) byId('alert').showModal();
  } else {
    show(text);
  }
}
