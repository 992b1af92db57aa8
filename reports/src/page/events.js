// The events of a run: which kinds are marked on the charts and listed.
const EVENTS_SHOWN = 200;
const events = () => {
  const place = document.getElementById('event-list');
  if (!place || !timeline) return;
  const boxes = [...document.querySelectorAll('[data-kind]')];
  const rows = place.querySelector('tbody'), more = document.getElementById('more-events');
  let most = EVENTS_SHOWN;
  const list = () => {
    const chosen = timeline.marks.filter(([, kind]) => shown.has(kind));
    rows.replaceChildren(...chosen.slice(0, most).map(([at, kind, detail]) => {
      const row = document.createElement('tr');
      for (const text of [clock(at), timeline.kinds[kind], detail]) {
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(cell);
      }
      row.firstChild.className = 'n c' + kind % 8;
      // Points at the moment on every chart.
      row.addEventListener('pointerenter', () => {
        const chart = charts.find((one) => one.spec.linked);
        if (chart) chart.plot.setCursor({ left: chart.plot.valToPos(at, 'x'), top: 10 });
      });
      return row;
    }));
    more.hidden = chosen.length <= most;
    more.textContent = 'Show ' + Math.min(EVENTS_SHOWN, chosen.length - most) + ' more of ' +
      (chosen.length - most);
    place.hidden = chosen.length === 0;
    root.dataset.events = String(chosen.length);
  };
  const choose = () => {
    shown.clear();
    boxes.filter((box) => box.checked).forEach((box) => shown.add(Number(box.dataset.kind)));
    most = EVENTS_SHOWN;
    list();
    redraw();
  };
  boxes.forEach((box) => box.addEventListener('change', choose));
  for (const [id, on] of [['all-kinds', true], ['no-kind', false]])
    document.getElementById(id).addEventListener('click', () => {
      boxes.forEach((box) => { box.checked = on; });
      choose();
    });
  more.addEventListener('click', () => { most += EVENTS_SHOWN; list(); });
  choose();
};
