// The charts of a page: uPlot over the data that stands beside each figure. Charts over the run's
// time are linked: one cursor, one zoom, the same phases and marks.
const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const short = (value) => value >= 1000 ? Math.round(value).toLocaleString('en') :
  String(Number(value.toPrecision(3)));
const steps = (value, names, unit) => {
  let index = 0;
  while (Math.abs(value) >= 999.5 && index < names.length - 1) { value /= 1000; index += 1; }
  return short(value) + ' ' + names[index] + unit;
};
const many = (value) => Math.abs(value) < 99950 ? short(value) :
  steps(value / 1000, ['k', 'M', 'G'], '');
const clock = (value) => {
  if (value < 180) return short(value) + ' s';
  const whole = Math.round(value), two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? hours + 'h' + two(minutes) + 'm' + (whole % 60 ? two(whole % 60) + 's' : '') :
    minutes + 'm' + two(whole % 60) + 's';
};
const show = {
  ns: (value) => steps(value, ['ns', 'µs', 'ms', 's'], ''),
  rate: (value) => many(value) + '/s',
  bytes: (value) => steps(value, ['', 'k', 'M', 'G'], 'B'),
  share: (value) => short(value * 100) + ' %',
  tail: (value) => 'p' + Number((100 * (1 - 10 ** -value)).toFixed(6)),
  s: clock,
  n: many,
};
const NINES = [[0, 'min'], [Math.log10(2), 'p50'], [1, 'p90'], [2, 'p99'], [3, 'p99.9'],
  [4, 'p99.99'], [5, 'p99.999'], [6, 'p99.9999']];
// Steps of an axis of time, seconds.
const TIMES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120,
  300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
// A linear axis is cut above what 97 of 100 points stay below, if the highest is this far beyond.
const SPIKE = 5;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
const charts = [];
const zoom = { min: null, max: null };
const timeline = JSON.parse((document.getElementById('timeline') || {}).textContent || 'null');
const shown = new Set();

const column = (stored) => Array.isArray(stored) ? stored :
  Array.from({ length: stored.count }, (_, index) =>
    index === stored.count - 1 ? stored.last : stored.from + index * stored.step);
const columns = (spec) => {
  const tables = spec.x.map((stored, index) => {
    const lines = spec.lines.filter((line) => line.x === index);
    return [column(stored), ...lines.map((line) => line.y)];
  });
  const order = spec.x.flatMap((_, index) => spec.lines.filter((line) => line.x === index));
  spec.lines = order;
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
};

const visible = (chart) => {
  const [from, until] = chart.plot ? chart.plot.series[0].idxs || [0, Infinity] : [0, Infinity];
  const values = [];
  let base = 0;
  chart.spec.lines.forEach((line, index) => {
    if (chart.hidden.has(index)) return;
    const all = chart.raw[index + 1];
    const end = Math.min(until, all.length - 1);
    for (let at = from; at <= end; at += 1) {
      const high = (line.high && line.high[at]) ?? all[at];
      if (high === null || high === undefined) continue;
      values.push(high);
      if (line.base) base = Math.max(base, high);
    }
  });
  return { values: values.sort((left, right) => left - right), base };
};
const range = (chart) => {
  const { values, base } = visible(chart);
  const greatest = values.length ? values[values.length - 1] : 0;
  chart.cut = null;
  if (chart.log) {
    const least = values.find((value) => value > 0) || 1;
    const low = 10 ** Math.floor(Math.log10(least) + 1e-9);
    return [low, Math.max(10 ** Math.ceil(Math.log10(greatest || 1) - 1e-9), low * 10)];
  }
  const most = values.length ? values[Math.floor((values.length - 1) * 0.97)] : 0;
  const tame = Math.max(most * 1.5, base * 1.25, chart.spec.least || 0);
  if (!chart.whole && tame > 0 && greatest > SPIKE * Math.max(most, base)) {
    chart.cut = { at: tame, greatest, points: values.filter((value) => value > tame).length };
    return [0, tame];
  }
  return [0, Math.max(greatest * 1.05, chart.spec.least || 0) || 1];
};
const say = (chart) => {
  const { cut } = chart;
  chart.whole_button.hidden = !cut && !chart.whole;
  chart.whole_button.setAttribute('aria-pressed', String(chart.whole));
  chart.note.hidden = !cut;
  chart.note.textContent = cut ? (cut.points === 1 ? 'one point lies' : cut.points + ' points lie') +
    ' above the axis, up to ' + show[chart.spec.unit](cut.greatest) : '';
};

// Text in the middle of a stretch of the canvas, in the longest form that fits.
const fit = (context, forms, from, until, y) => {
  const words = forms.find((text) => context.measureText(text).width + 6 <= until - from);
  if (words) context.fillText(words, (from + until) / 2, y);
};
const shade = (chart, plot) => {
  const { ctx, bbox } = plot, ratio = devicePixelRatio;
  ctx.save();
  ctx.font = FONT.replace('12px', 11 * ratio + 'px');
  ctx.textAlign = 'center';
  ctx.textBaseline = 'bottom';
  for (const span of chart.spec.linked && timeline ? timeline.spans : []) {
    const place = (x) => Math.min(Math.max(plot.valToPos(x, 'x', true), bbox.left),
      bbox.left + bbox.width);
    const from = place(span.from), until = Math.max(place(span.until), from + ratio);
    if (until <= bbox.left + ratio || from >= bbox.left + bbox.width) continue;
    ctx.fillStyle = style('--' + span.kind);
    ctx.globalAlpha = Number(style('--' + span.kind + '-alpha'));
    ctx.fillRect(from, bbox.top, until - from, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = style(span.kind === 'during' ? '--during' : '--dim');
    fit(ctx, [span.label, span.brief], from, until, bbox.top - 2 * ratio);
  }
  ctx.restore();
};
const over = (chart, plot) => {
  const { ctx, bbox } = plot, ratio = devicePixelRatio;
  ctx.save();
  const upright = (x, colour, dash) => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash(dash.map((length) => length * ratio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  };
  const inside = (x) => x >= bbox.left && x <= bbox.left + bbox.width;
  for (const [at, kind] of chart.spec.linked && timeline ? timeline.marks : []) {
    const x = plot.valToPos(at, 'x', true);
    if (!shown.has(kind) || !inside(x)) continue;
    const colour = style('--c' + kind % 8);
    ctx.globalAlpha = 0.55;
    upright(x, colour, [2, 3]);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.moveTo(x - 4 * ratio, bbox.top);
    ctx.lineTo(x + 4 * ratio, bbox.top);
    ctx.lineTo(x, bbox.top + 6 * ratio);
    ctx.fill();
  }
  ctx.font = FONT.replace('12px', 12 * ratio + 'px');
  for (const [row, { at, label }] of (chart.spec.uprights || []).entries()) {
    const x = plot.valToPos(at, 'x', true);
    if (!inside(x)) continue;
    upright(x, style('--fail'), [6, 3]);
    ctx.fillStyle = style('--fail');
    ctx.textBaseline = 'top';
    ctx.textAlign = x > bbox.left + bbox.width / 2 ? 'right' : 'left';
    // One below the other: knees of several lines lie near each other.
    const side = (ctx.textAlign === 'right' ? -6 : 6) * ratio;
    ctx.fillText(label, x + side, bbox.top + (4 + 15 * row) * ratio);
  }
  chart.spec.lines.forEach((line, index) => {
    if (chart.hidden.has(index)) return;
    ctx.fillStyle = ctx.strokeStyle = style('--c' + line.colour);
    chart.data[0].forEach((value, at) => {
      const x = plot.valToPos(value, 'x', true);
      if (!inside(x)) return;
      if (chart.cut && chart.raw[index + 1][at] > chart.cut.at) {
        ctx.beginPath();
        ctx.moveTo(x - 4 * ratio, bbox.top + 8 * ratio);
        ctx.lineTo(x + 4 * ratio, bbox.top + 8 * ratio);
        ctx.lineTo(x, bbox.top + ratio);
        ctx.fill();
      }
      if (!line.low || line.low[at] === null) return;
      const [low, high] = [line.low[at], line.high[at]].map((end) =>
        Math.min(Math.max(plot.valToPos(chart.log ? Math.max(end, plot.scales.y.min) : end, 'y',
          true), bbox.top), bbox.top + bbox.height));
      ctx.setLineDash([]);
      ctx.lineWidth = 1.5 * ratio;
      ctx.beginPath();
      for (const end of [low, high]) {
        ctx.moveTo(x - 4 * ratio, end);
        ctx.lineTo(x + 4 * ratio, end);
      }
      ctx.moveTo(x, low);
      ctx.lineTo(x, high);
      ctx.stroke();
    });
  });
  ctx.restore();
};

const read = (chart) => {
  const { plot, spec } = chart, at = plot.cursor.idx;
  const on = plot.cursor.left >= 0 && at !== null && at !== undefined;
  let words = '';
  if (on) {
    const value = plot.data[0][at];
    const named = (spec.ticks || []).find(([place]) => place === value);
    words = (spec.linked ? 'at ' : '') + (named ? named[1] : show[spec.xunit](value));
  }
  chart.where.textContent = words;
  chart.values.forEach((output, index) => {
    // Of lines over different columns, the nearest value of each.
    const own = on ? (plot.cursor.idxs || [])[index + 1] ?? at : at;
    const value = on ? chart.raw[index + 1][own] : null;
    output.textContent = value === null || value === undefined ? '' : show[spec.unit](value);
  });
  const near = on && spec.linked && timeline ? timeline.marks.filter(([when, kind]) =>
    shown.has(kind) && Math.abs(plot.valToPos(when, 'x') - plot.cursor.left) < 5) : [];
  const faults = on && spec.linked && timeline ? timeline.spans.filter((span) =>
    span.from <= plot.data[0][at] && plot.data[0][at] < span.until) : [];
  chart.events.textContent = [...faults.map((span) => span.title), ...near.slice(0, 3).map(
    ([when, kind, detail]) => timeline.kinds[kind] + ' at ' + clock(when) + ': ' + detail),
  ...near.length > 3 ? [near.length - 3 + ' more events'] : []].join(' · ');
};
const linked = (chart) => chart.spec.linked ? charts.filter((other) => other.spec.linked) : [chart];
const moved = (chart) => {
  read(chart);
  const { plot } = chart;
  for (const other of linked(chart)) {
    if (other === chart || !other.plot) continue;
    const left = plot.cursor.left < 0 ? -10 : other.plot.valToPos(
      plot.posToVal(plot.cursor.left, 'x'), 'x');
    other.plot.setCursor({ left, top: left < 0 ? -10 : 10 }, false);
    read(other);
  }
};
const zoomed = (chart, min, max) => {
  const group = linked(chart);
  if (chart.spec.linked) Object.assign(zoom, { min, max });
  const whole = min <= chart.ends[0] && max >= chart.ends[1];
  group.forEach((other) => {
    if (!other.plot) return;
    const { x } = other.plot.scales;
    if (x.min !== min || x.max !== max) other.plot.setScale('x', { min, max });
    other.figure.dataset.zoomed = String(!whole);
    other.reset.hidden = whole;
  });
};
const reset = (chart) => zoomed(chart, ...chart.ends);

const axes = (chart) => {
  const { spec } = chart, line = { stroke: () => style('--rule'), width: 1 };
  const base = { font: FONT, stroke: () => style('--dim'), grid: line, ticks: line };
  const x = { ...base, grid: { show: false }, size: 30, space: 60,
    values: (_, splits) => splits.map((value) => show[spec.xunit](value)) };
  if (spec.xunit === 's') x.incrs = TIMES;
  const named = spec.xunit === 'tail' ? NINES : spec.ticks;
  if (named) {
    const within = (plot) => named.filter(([at]) =>
      at >= plot.scales.x.min - 1e-9 && at <= plot.scales.x.max + 1e-9);
    // A name that would touch the one before it is left out.
    x.splits = (plot) => {
      const { min, max } = plot.scales.x, width = chart.width() - 92;
      let end = -Infinity;
      return within(plot).filter(([at, label]) => {
        const middle = (at - min) / (max - min) * width, half = label.length * 3.6 + 4;
        if (middle - half < end) return false;
        end = middle + half;
        return true;
      }).map(([at]) => at);
    };
    x.values = (_, splits) => splits.map((at) => named.find(([place]) => place === at)[1]);
  }
  const y = { ...base, size: 68, space: 34,
    values: (_, splits) => splits.map((value) => value === null ? '' : show[spec.unit](value)) };
  // Powers of ten, as many as have room.
  if (chart.log) y.splits = (_, __, min, max) => {
    const low = Math.ceil(Math.log10(min) - 1e-9), high = Math.floor(Math.log10(max) + 1e-9);
    const step = Math.max(1, Math.ceil((high - low) * 22 / spec.height));
    return Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, index) =>
      10 ** (low + index * step));
  };
  return [x, y];
};
const draw = (chart) => {
  const { spec, raw } = chart;
  const keep = chart.plot && { min: chart.plot.scales.x.min, max: chart.plot.scales.x.max };
  if (chart.plot) chart.plot.destroy();
  chart.plot = null;
  const floor = range(chart)[0];
  // Zero has no place on a logarithmic axis: it is drawn at the lower end.
  chart.data = chart.log ? raw.map((values, index) => index === 0 ? values : values.map((value) =>
    typeof value === 'number' ? Math.max(value, floor) : value)) : raw;
  const lone = (plot, index, every) => {
    if (every) return null;
    const values = plot.data[index];
    // The value beside one, over those columns that this line has no value in.
    const beside = (at, step) => {
      do at += step; while (values[at] === undefined && at >= 0 && at < values.length);
      return values[at] ?? null;
    };
    return values.flatMap((value, at) => (value ?? null) !== null &&
      beside(at, -1) === null && beside(at, 1) === null ? [at] : []);
  };
  const series = spec.lines.map((line, index) => ({
    label: line.label,
    show: !chart.hidden.has(index),
    stroke: () => style('--c' + line.colour),
    width: line.width || 1.6,
    alpha: line.alpha || 1,
    dash: line.dash ? [7, 4] : undefined,
    points: { filter: lone, size: 5, show: spec.dots ? true : undefined },
  }));
  const plot = new uPlot({
    width: chart.width(),
    height: spec.height + 48,
    padding: [18, 24, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: true, dist: 4 },
      bind: { dblclick: () => () => { reset(chart); return null; } },
    },
    scales: {
      x: { time: false, range: (_, min, max) => [min, max] },
      y: { distr: chart.log ? 3 : 1, range: () => { const [low, high] = range(chart);
        return [low, high]; } },
    },
    axes: axes(chart),
    series: [{}, ...series],
    hooks: {
      drawClear: [(of) => shade(chart, of)],
      draw: [(of) => { over(chart, of); say(chart); }],
      setCursor: [() => { if (chart.plot) moved(chart); }],
      setScale: [(of, key) => {
        if (key === 'x' && chart.plot === of) zoomed(chart, of.scales.x.min, of.scales.x.max);
      }],
    },
  }, chart.data, chart.place);
  chart.plot = plot;
  const to = (spec.linked && zoom.min !== null ? zoom : keep) ||
    { min: chart.ends[0], max: chart.ends[1] };
  plot.setScale('x', { min: to.min, max: to.max });
  chart.figure.dataset.scale = chart.log ? 'log' : 'linear';
};

const keys = (chart, event) => {
  const { plot } = chart, values = plot.data[0], { min, max } = plot.scales.x;
  const [first, last] = plot.series[0].idxs;
  const now = plot.cursor.left >= 0 ? plot.cursor.idx : null;
  const go = (at) => {
    const left = plot.valToPos(values[Math.min(Math.max(at, first), last)], 'x');
    plot.setCursor({ left, top: 10 });
  };
  const by = (factor) => {
    const middle = now === null ? (min + max) / 2 : values[now];
    const ends = [middle - (middle - min) * factor, middle + (max - middle) * factor];
    zoomed(chart, Math.max(ends[0], chart.ends[0]), Math.min(ends[1], chart.ends[1]));
  };
  const pan = (share) => {
    const step = Math.min(Math.max((max - min) * share, chart.ends[0] - min), chart.ends[1] - max);
    zoomed(chart, min + step, max + step);
  };
  const step = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowRight: () => go(now === null ? first : now + step),
    ArrowLeft: () => go(now === null ? last : now - step),
    Home: () => go(first),
    End: () => go(last),
    PageUp: () => pan(-0.5),
    PageDown: () => pan(0.5),
    '+': () => by(0.5),
    '=': () => by(0.5),
    '-': () => by(2),
    0: () => reset(chart),
    Escape: () => { reset(chart); plot.setCursor({ left: -10, top: -10 }); },
    l: () => chart.log_button.click(),
  };
  const action = actions[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
};

const build = (figure) => {
  const stored = figure.querySelector('script');
  if (!stored) return;
  const spec = JSON.parse(stored.textContent);
  const find = (name) => figure.querySelector(name);
  const chart = {
    figure, spec, hidden: new Set(), log: spec.log, whole: false, cut: null, plot: null,
    place: find('.plot'), where: find('.where'), events: find('.events'), note: find('.note'),
    reset: find('.reset'), log_button: find('.log'), whole_button: find('.whole'), values: [],
  };
  chart.raw = columns(spec);
  const last = chart.raw[0][chart.raw[0].length - 1], first = chart.raw[0][0];
  chart.ends = spec.ends || [first, last > first ? last : first + 1];
  chart.width = () => Math.max(Math.floor(chart.place.clientWidth), 200);
  for (const [index, line] of spec.lines.entries()) {
    const button = document.createElement('button');
    const swatch = document.createElement('i'), value = document.createElement('output');
    button.type = 'button';
    button.setAttribute('aria-pressed', 'true');
    swatch.className = 'c' + line.colour + (line.dash ? ' dashed' : '');
    button.append(swatch, line.label, value);
    button.addEventListener('click', () => {
      const off = !chart.hidden.has(index);
      chart.hidden[off ? 'add' : 'delete'](index);
      button.setAttribute('aria-pressed', String(!off));
      chart.plot.setSeries(index + 1, { show: !off });
    });
    find('.legend').append(button);
    chart.values.push(value);
  }
  chart.log_button.addEventListener('click', () => {
    chart.log = !chart.log;
    chart.log_button.setAttribute('aria-pressed', String(chart.log));
    draw(chart);
  });
  chart.log_button.setAttribute('aria-pressed', String(chart.log));
  chart.whole_button.addEventListener('click', () => {
    chart.whole = !chart.whole;
    draw(chart);
  });
  chart.reset.addEventListener('click', () => reset(chart));
  chart.place.addEventListener('keydown', (event) => keys(chart, event));
  charts.push(chart);
  draw(chart);
  new ResizeObserver(() => {
    if (chart.plot.width !== chart.width())
      chart.plot.setSize({ width: chart.width(), height: spec.height + 48 });
  }).observe(chart.place);
};
const redraw = () => charts.forEach((chart) => chart.plot.redraw(false, true));
