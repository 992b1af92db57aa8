'use strict';
(() => {
  const root = document.documentElement;
  const problem = (text) => { root.dataset.problems = (root.dataset.problems || '') + text + '; '; };
  addEventListener('error', (event) => problem(event.message || 'error'));
  addEventListener('securitypolicyviolation', (event) => problem('request ' + event.blockedURI));
  const short = (value) => value >= 1000 ? Math.round(value).toLocaleString('en') :
    String(Number(value.toPrecision(3)));
  const steps = (value, names, unit) => {
    let index = 0;
    while (value >= 1000 && index < names.length - 1) { value /= 1000; index += 1; }
    return short(value) + ' ' + names[index] + unit;
  };
  const show = {
    ns: (value) => steps(value, ['ns', 'µs', 'ms', 's'], ''),
    rate: (value) => short(value) + '/s',
    bytes: (value) => steps(value, ['', 'k', 'M', 'G'], 'B'),
    share: (value) => short(value * 100) + ' %',
    s: (value) => short(value) + ' s',
    n: short,
  };
  const nearest = (places, x) => {
    let low = 0, high = places.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle] + places[middle + 1]) / 2 < x) low = middle + 1; else high = middle;
    }
    return low;
  };
  let charts = 0;
  for (const figure of document.querySelectorAll('figure.chart')) {
    const svg = figure.querySelector('svg');
    if (!svg) continue;
    charts += 1;
    const data = JSON.parse(figure.querySelector('script').textContent);
    const cursor = svg.querySelector('.cursor');
    const readout = figure.querySelector('.readout');
    const buttons = [...figure.querySelectorAll('button')];
    const on = (index) => buttons[index].getAttribute('aria-pressed') === 'true';
    for (const button of buttons) button.addEventListener('click', () => {
      const pressed = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(pressed));
      svg.querySelector('.line[data-line="' + button.dataset.line + '"]')
        .classList.toggle('off', !pressed);
    });
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * 960 / box.width;
      const parts = [];
      let at = null;
      data.lines.forEach(([places, values], index) => {
        if (!on(index) || places.length === 0) return;
        const position = nearest(places, x);
        if (at === null) { at = places[position]; if (index === 0) parts.push(data.x[position]); }
        if (values[position] !== null && Math.abs(places[position] - x) < 40)
          parts.push(buttons[index].textContent + ' ' + show[svg.dataset.y](values[position]));
      });
      if (at === null) return;
      cursor.removeAttribute('hidden');
      cursor.setAttribute('x1', at);
      cursor.setAttribute('x2', at);
      readout.textContent = parts.join(' · ');
    });
    svg.addEventListener('pointerleave', () => {
      cursor.setAttribute('hidden', '');
      readout.textContent = '';
    });
  }
  root.dataset.charts = String(charts);
})();
