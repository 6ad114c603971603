// What the page itself says; what the bot says comes from the bot.
const PT = {
  skip: 'Pular para o grupo', to_end: 'Ir para o fim da conversa', subtitle: 'um provedor de mentira', bot: 'bot', sent: 'WhatsApp enviados',
  twice: 'mais de uma mensagem', lost: 'Sem contato com a demonstração. Tentando de novo…',
  other_language: 'English', telegram: 'Telegram do NOC', you_are: 'Você é',
  chats: 'Conversas', messages: 'Mensagens', commands: 'Comandos', write: 'Mensagem', send: 'Enviar', ok: 'OK',
  group_sub: '{n} membros', private_sub: 'conversa privada de {name}', tab_group: 'Grupo', tab_private: 'Privado', tab_escalation: 'Supervisão',
  isp: 'O provedor', state_ok: 'no ar', state_los: 'sem sinal (LOS)', state_power: 'sem energia (POWER)',
  map: 'Mapa das OLTs, uma célula por PON. Setas andam no mapa.', port_label: '{olt}, porta {port}, {n} ONUs, {state}',
  olt_sub: '{n} ONUs', slot: 'Slot {n}', pick: 'Toque numa PON do mapa para cortar, derrubar ou consertar só ela.',
  onus: '{n} ONUs', cut: 'Cortar fibra', power_port: 'Derrubar energia', repair: 'Consertar', flap_port: 'Oscilar',
  customers: 'Celulares dos clientes', messages_sent: 'mensagens enviadas ·', arrivals: 'Mensagens de WhatsApp, a mais nova primeiro',
  no_arrivals: 'Ninguém recebeu nada ainda. Corte uma fibra e aprove o cartão no grupo.', sections: 'Partes da página',
  dock_isp: '🗼 Provedor', download: 'Baixar', close: 'Fechar', only_you: 'só você vê', silent: 'sem som', edited: 'editado',
  newer_one: '↓ 1 nova', newer_many: '↓ {n} novas', newer_none: '↓', start: 'Iniciar', empty_private: 'O bot ainda não escreveu aqui. Toque em Iniciar para abrir a conversa.',
  empty_escalation: 'Quando ninguém responde no grupo, o bot chama aqui.',
  empty_group: 'O grupo está quieto: nenhuma queda. O primeiro cartão aparece aqui.', cut_short: '… (cortado aqui; baixe o arquivo inteiro)',
  breaks: 'Quebrar', cut_any: 'Cortar uma fibra', cable: 'Cabo com 12 PONs', storm: 'Temporal: 60 PONs', district: 'Energia do bairro', flap: 'Porta oscilando', repair_all: 'Consertar tudo',
  systems: 'Sistemas', token: 'Matar o token da OLT', gateway: 'Gateway do WhatsApp', g_ok: 'ok', g_slow: 'lento', g_refuses: 'recusa', g_throttles: 'limita', g_loses: 'perde respostas', g_down: 'fora',
  phones: 'Celulares dos clientes', p_on: 'ligados', p_unreachable: '2 em 10 sem WhatsApp', p_off: 'desligados',
  tick_sent: 'enviada', tick_delivered: 'entregue', tick_read: 'lida', tick_failed: 'não entregue', answer_stop: '{name} responde PARAR',
  why_131026: 'sem WhatsApp (131026)', why_131048: 'limite do número (131048)', why_132015: 'modelo pausado (132015)',
  away: 'Telegram fora do ar', kill: 'Matar o bot (kill -9)', start_bot: 'Ligar o bot', bot_running: 'no ar', bot_starting: 'ligando…', bot_killed: 'morto', bot_stopped: 'parado',
  e_none_left: 'Não sobrou nada para quebrar.', e_no_answer: 'O bot não respondeu.', e_gone: 'Este botão já não existe.', e_bad: 'Pedido recusado.', e_away: 'Sem contato com a demonstração.',
  done_token: 'Token morto: a próxima consulta recebe 401.', copied: 'Copiado',
  by: '{name} leu: {text}', new_message: 'Nova mensagem: {text}', role_approver: 'aprova', role_visitor: 'sem permissão',
};
const EN = {
  skip: 'Skip to the group', to_end: 'Go to the end of the chat', subtitle: 'a pretend ISP', bot: 'bot', sent: 'WhatsApp sent',
  twice: 'more than one message', lost: 'No contact with the demo. Trying again…',
  other_language: 'Português', telegram: 'The NOC’s Telegram', you_are: 'You are',
  chats: 'Chats', messages: 'Messages', commands: 'Commands', write: 'Message', send: 'Send', ok: 'OK',
  group_sub: '{n} members', private_sub: 'private chat of {name}', tab_group: 'Group', tab_private: 'Private', tab_escalation: 'Supervision',
  isp: 'The ISP', state_ok: 'online', state_los: 'no light (LOS)', state_power: 'no power (POWER)',
  map: 'Map of the OLTs, one cell per PON. Arrow keys move on the map.', port_label: '{olt}, port {port}, {n} ONUs, {state}',
  olt_sub: '{n} ONUs', slot: 'Slot {n}', pick: 'Tap a PON on the map to cut, drop or repair only that one.',
  onus: '{n} ONUs', cut: 'Cut fibre', power_port: 'Drop power', repair: 'Repair', flap_port: 'Flap',
  customers: 'The customers’ phones', messages_sent: 'messages sent ·', arrivals: 'WhatsApp messages, newest first',
  no_arrivals: 'Nobody got anything yet. Cut a fibre and approve the card in the group.', sections: 'Parts of the page',
  dock_isp: '🗼 ISP', download: 'Download', close: 'Close', only_you: 'only you see this', silent: 'no sound', edited: 'edited',
  newer_one: '↓ 1 new', newer_many: '↓ {n} new', newer_none: '↓', start: 'Start', empty_private: 'The bot has not written here yet. Tap Start to open the chat.',
  empty_escalation: 'When nobody answers in the group, the bot calls here.',
  empty_group: 'The group is quiet: no outage. The first card appears here.', cut_short: '… (cut here; download the whole file)',
  breaks: 'Break', cut_any: 'Cut a fibre', cable: 'Cable of 12 PONs', storm: 'Storm: 60 PONs', district: 'Power of a district', flap: 'Flapping port', repair_all: 'Repair everything',
  systems: 'Systems', token: 'Kill the OLT token', gateway: 'WhatsApp gateway', g_ok: 'ok', g_slow: 'slow', g_refuses: 'refuses', g_throttles: 'throttles', g_loses: 'loses answers', g_down: 'down',
  phones: 'The customers’ phones', p_on: 'on', p_unreachable: '2 in 10 without WhatsApp', p_off: 'off',
  tick_sent: 'sent', tick_delivered: 'delivered', tick_read: 'read', tick_failed: 'not delivered', answer_stop: '{name} answers PARAR',
  why_131026: 'not on WhatsApp (131026)', why_131048: 'limit of the number (131048)', why_132015: 'template paused (132015)',
  away: 'Telegram away', kill: 'Kill the bot (kill -9)', start_bot: 'Start the bot', bot_running: 'running', bot_starting: 'starting…', bot_killed: 'killed', bot_stopped: 'stopped',
  e_none_left: 'Nothing is left to break.', e_no_answer: 'The bot did not answer.', e_gone: 'This button is no more.', e_bad: 'Refused.', e_away: 'No contact with the demo.',
  done_token: 'Token dead: the next look-up gets a 401.', copied: 'Copied',
  by: '{name} read: {text}', new_message: 'New message: {text}', role_approver: 'approves', role_visitor: 'no rights',
};

const english = document.documentElement.lang.startsWith('en');
const words = english ? EN : PT;
export const language = english ? 'en' : 'pt';
export const zone = 'America/Sao_Paulo'; // where the pretend ISP is, and what the bot tells times in
export const locale = english ? 'en-GB' : 'pt-BR';

export function say(key, facts = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => String(facts[name]));
}

export function has(key) {
  return Object.hasOwn(words, key);
}

export const number = (value) => value.toLocaleString(locale);

/** Fills every element that names its words in the page's HTML. */
export function fillIn(root) {
  for (const node of root.querySelectorAll('[data-say]')) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll('[data-label]')) node.setAttribute('aria-label', say(node.dataset.label));
  for (const node of root.querySelectorAll('[data-placeholder]')) node.placeholder = say(node.dataset.placeholder);
}
