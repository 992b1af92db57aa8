// What a reader takes away: text to the clipboard, series as CSV.
const copied = (button, done) => {
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  button.textContent = done ? 'Copied' : 'Press Ctrl-C';
  setTimeout(() => { button.textContent = label; }, 1500);
};
const copy = async (button) => {
  const from = document.getElementById(button.dataset.copy);
  const whole = document.createRange();
  whole.selectNodeContents(from);
  try {
    await navigator.clipboard.writeText(from.textContent);
    copied(button, true);
  } catch {
    // No clipboard for a page that was opened from a file: the text is selected instead.
    getSelection().removeAllRanges();
    getSelection().addRange(whole);
    copied(button, document.execCommand('copy'));
  }
};
const quoted = (text) => /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
const csv = () => {
  const over_time = charts.filter((chart) => chart.spec.linked);
  const names = ['seconds'], rows = new Map();
  for (const chart of over_time) for (const [index, line] of chart.spec.lines.entries()) {
    names.push(chart.figure.id + ' ' + line.label + ' (' + chart.spec.csv + ')');
    chart.raw[0].forEach((at, row) => {
      if (!rows.has(at)) rows.set(at, []);
      rows.get(at)[names.length - 1] = chart.raw[index + 1][row];
    });
  }
  const cells = (row) => Array.from({ length: names.length - 1 }, (_, index) => row[index + 1] ?? '');
  const lines = [...rows].sort(([left], [right]) => left - right);
  return [names.map(quoted).join(','),
    ...lines.map(([at, row]) => [at, ...cells(row)].join(','))].join('\n') + '\n';
};
const download = (button) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
  link.download = button.dataset.csv;
  link.click();
  URL.revokeObjectURL(link.href);
};
const tools = () => {
  document.querySelectorAll('[data-copy]').forEach((button) =>
    button.addEventListener('click', () => copy(button)));
  document.querySelectorAll('[data-csv]').forEach((button) =>
    button.addEventListener('click', () => download(button)));
};
