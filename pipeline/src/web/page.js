const at = (id) => document.getElementById(id);

function made(name, props = {}, ...children) {
  const made = Object.assign(document.createElement(name), props);
  made.append(...children);
  return made;
}

// An answer in JSON; what a service says of its refusal is the error's text.
async function asked(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `the page's server answers with ${answer.status}`);
  return told;
}

function clock(us) {
  return new Date(us / 1000).toLocaleTimeString('en-GB');
}

function hue(word) {
  let hash = 7;
  for (const letter of word) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return hash % 6;
}

// Areas of words are as their counts: sizes go by the root, within what can be read.
function showCloud(told) {
  at('window').textContent = told.tweets
    ? `${number(told.tweets)} tweets, ${clock(told.from)} to ${clock(told.until)}` : '';
  note('cloud-note', told.top.length ? '' : 'No hashtag has been counted in this window.');
  const width = at('cloud').clientWidth, narrow = width < 440;
  const top = told.top.slice(0, narrow ? 24 : 50);
  const most = top[0]?.count ?? 1, largest = narrow ? 34 : 54, least = 13;
  // Bold letters are about two thirds as wide as they are high, and a word stays in its line.
  const fits = (hashtag) => width / (0.72 * ([...hashtag].length + 1.5));
  const sizes = new Map(top.map(({ hashtag, count }) =>
    [hashtag, Math.max(least, Math.floor(
      Math.min(largest * Math.sqrt(count / most), fits(hashtag))))]));
  const shown = JSON.stringify([width, top]);
  if (shown === at('cloud').dataset.shown) return;
  at('cloud').dataset.shown = shown;
  const focused = document.activeElement?.dataset.hashtag;
  // The most used stands in the middle.
  const order = [];
  top.forEach((word, place) => place % 2 ? order.unshift(word) : order.push(word));
  at('cloud').replaceChildren(...order.map(({ hashtag, count }) => {
    const button = made('button', { type: 'button', textContent: `#${hashtag}` });
    button.title = `${number(count)} tweets of this window`;
    button.style.setProperty('--size', sizes.get(hashtag));
    button.style.color = `var(--w${hue(hashtag)})`;
    button.dataset.hashtag = hashtag;
    button.dataset.count = count;
    return made('li', {}, button);
  }));
  // Whoever goes through the cloud by keyboard stays where he is.
  if (focused) at('cloud').querySelector(`[data-hashtag="${CSS.escape(focused)}"]`)?.focus();
}

function note(id, text, wrong = false) {
  const shown = at(id);
  shown.textContent = text;
  shown.hidden = !text;
  shown.classList.toggle('wrong', wrong);
}

const WORD = '[\\p{L}\\p{M}\\p{N}_]';

// The text, with the words of the query marked; where words are not set apart, wherever they are.
function marked(text, query) {
  const words = query.match(new RegExp(`${WORD}+`, 'gu')) ?? [];
  if (!words.length) return [text];
  const one = words.map((word) => /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]/.test(word) ? word
    : `(?<!${WORD})${word}(?!${WORD})`);
  const parts = text.split(new RegExp(`(${one.join('|')})`, 'iu'));
  return parts.map((part, place) => place % 2 ? made('mark', { textContent: part }) : part);
}

let asking = 0;

async function searchFor(query) {
  const turn = ++asking;
  history.replaceState(null, '', query ? `?q=${encodeURIComponent(query)}` : location.pathname);
  if (!query) return;
  try {
    const told = await asked(`api/search?k=20&q=${encodeURIComponent(query)}`);
    if (turn !== asking) return;
    at('hits').replaceChildren(...told.hits.map((hit) => made('li', {},
      made('div', { className: 'who' }, made('b', { textContent: hit.user || 'somebody' }),
        made('span', { textContent: clock(hit.at) }),
        made('span', { textContent: hit.lang })),
      made('div', { dir: 'auto' }, ...marked(hit.text, query)))));
    at('answered').textContent = `${told.hits.length === 20 ? 'the best 20' : told.hits.length}, `
      + `${time(told.took_us)}${told.cached ? ', from the cache' : ''}`;
    note('search-note', told.hits.length ? '' : `No tweet with a word of “${query}” was found.`);
  } catch (error) {
    if (turn !== asking) return;
    at('hits').replaceChildren();
    at('answered').textContent = '';
    note('search-note', error.message, true);
  }
}

function curve(rates) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 60 30');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  const most = Math.max(1, ...rates), from = HISTORY - rates.length;
  line.setAttribute('points', rates.map((rate, place) =>
    `${from + place},${(28 - 26 * rate / most).toFixed(1)}`).join(' '));
  svg.append(line);
  return svg;
}

function showStages(told) {
  const all = stagesOf(told);
  at('stages').replaceChildren(...all.map((stage) => {
    const card = made('li', { className: 'stage' });
    card.dataset.stage = stage.name;
    card.append(made('h3', { textContent: stage.name },
      made('small', { textContent: stage.down ? 'down' : stage.label })));
    if (stage.down) {
      card.classList.add('down');
      card.append(made('p', { textContent: stage.down }));
      return card;
    }
    card.append(made('b', { className: 'rate', textContent: rate(stage.pace) }),
      curve(stage.rates),
      made('dl', {}, ...stage.rows.flatMap(([name, value, wrong]) => [
        made('dt', { textContent: name }),
        made('dd', { textContent: value, className: wrong ? 'wrong' : '' })])));
    return card;
  }));
  const fallen = all.filter((stage) => stage.down).map((stage) => stage.name);
  state(fallen.length ? `down: ${fallen.join(', ')}` : 'live', !fallen.length);
}

function state(text, live) {
  at('state').textContent = text;
  at('state').className = `state ${live ? 'live' : 'down'}`;
}

async function look() {
  const [top, stats] = await Promise.allSettled([asked('api/top?k=50'), asked('api/stats')]);
  if (top.status === 'fulfilled') showCloud(top.value);
  else note('cloud-note', top.reason.message, true);
  if (stats.status === 'fulfilled') showStages(stats.value);
  else state('no answer: trying again', false);
  document.documentElement.dataset.looks = Number(document.documentElement.dataset.looks ?? 0) + 1;
}

async function lookAgain() {
  await look();
  setTimeout(lookAgain, 1000);
}

at('form').addEventListener('submit', (event) => {
  event.preventDefault();
  searchFor(at('query').value.trim());
});
at('cloud').addEventListener('click', (event) => {
  const { hashtag } = event.target.dataset;
  if (!hashtag) return;
  at('query').value = `#${hashtag}`;
  searchFor(`#${hashtag}`);
});
at('query').value = new URLSearchParams(location.search).get('q') ?? '';
searchFor(at('query').value.trim());
lookAgain();
