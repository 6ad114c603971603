import { byId, element } from './dom.js';
import { connect, post } from './live.js';
import { apply, reset, state } from './store.js';
import { fillIn, language, number, say } from './words.js';
import * as composer from './composer.js';
import * as customers from './customers.js';
import * as isp from './isp.js';
import * as phone from './phone.js';
import * as toasts from './toasts.js';

let drawn = true;
let arrived = []; // what the next drawing has to announce
let lost = false;
let spoken = false; // the bot was asked to speak the page's language

function soon() {
  if (!drawn) return;
  drawn = false;
  requestAnimationFrame(draw);
}

function draw() {
  drawn = true;
  const news = arrived;
  arrived = [];
  facts();
  phone.draw(news);
  composer.draw();
  isp.draw();
  customers.draw();
}

function facts() {
  byId('lost').hidden = !lost;
  document.body.dataset.lost = String(lost);
  const bot = byId('fact-bot');
  if (bot.dataset.state && bot.dataset.state !== state.bot.state) toasts.announce(`${say('bot')}: ${say(`bot_${state.bot.state}`)}`);
  bot.textContent = say(`bot_${state.bot.state}`);
  bot.dataset.state = state.bot.state;
  const { sent, duplicates } = state.counters;
  for (const id of ['fact-sent', 'count-sent', 'dock-sent']) byId(id).textContent = number(sent);
  for (const id of ['fact-twice', 'count-twice']) byId(id).textContent = number(duplicates);
  for (const id of ['twice', 'twice-again']) byId(id).dataset.ok = String(duplicates === 0);
  const caption = byId('caption');
  caption.hidden = state.caption === null;
  const [title, text] = state.caption ? [state.caption.title[language], state.caption.text[language]] : ['', ''];
  if (caption.textContent !== title + text) caption.replaceChildren(element('small', {}, title), text);
}

function begin() {
  fillIn(document);
  const other = language === 'en' ? 'pt' : 'en';
  byId('language').href = `/?lang=${other}`;
  byId('language').lang = other;
  const act = async (body) => {
    try {
      const done = await post('/api/do', body);
      if (body.action === 'token') toasts.show(say('done_token'));
      return done;
    } catch (error) {
      toasts.show(error.message);
      return null;
    }
  };
  phone.begin(soon);
  composer.begin();
  isp.begin(act, soon);
  customers.begin(act);
  connect({
    onSnapshot(snapshot) {
      lost = false;
      reset(snapshot);
      document.body.dataset.ready = 'true';
      soon();
      if (!spoken) act({ action: 'language', lang: language });
      spoken = true;
    },
    onChange(change) {
      phone.note(change.message ?? []);
      apply(change);
      arrived.push(...(change.message ?? []));
      for (const toast of change.toast ?? []) toasts.answered(toast);
      soon();
    },
    onLost() {
      lost = true;
      soon();
    },
  });
}

begin();
