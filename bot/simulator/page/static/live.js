import { say, has } from './words.js';

/** Server-sent events that outlive a restart of the server: after each (re)connection comes a whole snapshot. */
export function connect({ onSnapshot, onChange, onLost }) {
  const source = new EventSource('/events');
  source.addEventListener('snapshot', (event) => onSnapshot(JSON.parse(event.data)));
  source.addEventListener('change', (event) => onChange(JSON.parse(event.data)));
  source.onerror = () => {
    onLost();
    // The browser tries again by itself after a break, but gives up for good after an odd answer.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => connect({ onSnapshot, onChange, onLost }), 1000);
  };
}

/** The JSON answer of a POST; an Error whose message is for people where there is none. */
export async function post(path, body) {
  let answer;
  let data;
  try {
    answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    data = await answer.json();
  } catch {
    throw new Error(say('e_away'));
  }
  if (!answer.ok) throw new Error(say(has(`e_${data.code}`) ? `e_${data.code}` : 'e_bad'));
  return data;
}
