// Drives a report as a reader's pointer and keyboard would, and leaves what it saw on the root.
addEventListener('load', async () => {
  const root = document.documentElement, saw = {};
  const frame = () => new Promise((done) => setTimeout(done, 30));
  const figure = (id) => document.getElementById(id);
  const over = (id) => figure(id).querySelector('.u-over');
  const send = (target, type, x, detail = {}) => {
    const box = over(target).getBoundingClientRect();
    const place = { clientX: box.left + x * box.width, clientY: box.top + box.height / 2 };
    const event =
      { bubbles: true, cancelable: true, view: window, movementX: 1, ...place, ...detail };
    (type === 'mouseup' ? document : over(target)).dispatchEvent(new MouseEvent(type, event));
  };
  const where = (id) => figure(id).querySelector('.where').textContent;
  const values = (id) => [...figure(id).querySelectorAll('.legend button output')]
    .map((output) => output.textContent);
  const key = (id, name) => figure(id).querySelector('.plot')
    .dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
  try {
    await frame();
    send('rates', 'mouseenter', 0.7);
    send('rates', 'mousemove', 0.7);
    await frame();
    saw.hover = where('rates');
    saw.values = values('rates');
    saw.linked = where('response');
    saw.fault = figure('rates').querySelector('.events').textContent;
    send('rates', 'mousedown', 0.5, { button: 0, buttons: 1 });
    send('rates', 'mousemove', 0.6, { button: 0, buttons: 1 });
    send('rates', 'mousemove', 0.8, { button: 0, buttons: 1 });
    send('rates', 'mouseup', 0.8, { button: 0 });
    await frame();
    saw.zoomed = [figure('rates').dataset.zoomed, figure('backlog').dataset.zoomed];
    send('backlog', 'mousemove', 0);
    await frame();
    saw.zoomed_from = where('rates');
    send('response', 'dblclick', 0.5);
    await frame();
    saw.whole = [figure('rates').dataset.zoomed, figure('backlog').dataset.zoomed];
    key('backlog', 'Home');
    key('backlog', 'ArrowRight');
    await frame();
    saw.keys = where('response');
    key('backlog', 'l');
    await frame();
    saw.scale = [figure('backlog').dataset.scale, figure('rates').dataset.scale];
    const box = document.querySelector('[data-kind]');
    saw.events = root.dataset.events;
    box.click();
    saw.without = root.dataset.events;
    saw.rows = document.querySelectorAll('#event-list tbody tr').length;
    const click = HTMLAnchorElement.prototype.click;
    const blobs = [];
    const create = URL.createObjectURL;
    URL.createObjectURL = (blob) => { blobs.push(blob); return create(blob); };
    HTMLAnchorElement.prototype.click = function () { saw.file = this.download; };
    document.querySelector('[data-csv]').click();
    HTMLAnchorElement.prototype.click = click;
    const lines = (await blobs[0].text()).trim().split('\n');
    saw.csv = [lines.length, lines[0].split(',').length, lines[0].slice(0, 40)];
    saw.wide = document.documentElement.scrollWidth - innerWidth;
  } catch (error) {
    saw.error = String(error);
  }
  root.dataset.saw = JSON.stringify(saw);
});
