'use strict';
// What stages tell, made into what is shown of them: no document is touched here.

const HISTORY = 60;
const past = {};

function number(value) {
  return value == null ? '–' : Math.round(value).toLocaleString('en');
}

function rate(value) {
  if (value == null) return '–';
  return (value > 0 && value < 9.95 ? value.toFixed(1) : number(value)) + '/s';
}

function time(us) {
  if (us == null) return '–';
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  if (us < 3.6e9) return `${(us / 6e7).toFixed(1)} min`;
  return 'over 1 h';
}

// Rates of a counter from one answer to the next; a service that was started again begins anew.
function paced(name, told, counter) {
  const now = told.now / 1e6, value = told[counter] ?? 0;
  const all = past[name] ??= { points: [], rates: [] };
  const last = all.points.at(-1);
  if (last && (value < last.value || told.started_at !== last.started)) {
    all.points = [];
    all.rates = [];
  }
  if (!last || now > last.now) all.points.push({ now, value, started: told.started_at });
  if (all.points.length > 4) all.points.shift();
  const first = all.points[0], end = all.points.at(-1);
  const pace = end.now > first.now ? (end.value - first.value) / (end.now - first.now) : null;
  if (pace != null) all.rates.push(pace);
  if (all.rates.length > HISTORY) all.rates.shift();
  return { pace, rates: all.rates };
}

function delays(told) {
  const recent = told.recent_delay_us?.count ? told.recent_delay_us : null;
  return [['p50', time(recent?.p50)], ['p99', time(recent?.p99)]];
}

function down(name, told) {
  return { name, down: told.error };
}

function counted(name, label, told, more) {
  if (told.error) return down(name, told);
  const { pace, rates } = paced(name, told, 'received');
  const rows = [...delays(told), ['tweets', number(told.distinct)]];
  if (told.repeated) rows.push(['repeated', number(told.repeated)]);
  if (told.malformed) rows.push(['malformed', number(told.malformed), true]);
  return { name, label, pace, rates, rows: rows.concat(more) };
}

// A progress of Spark's own, or counts in the form of the services'.
function spark(told) {
  if (told.error) return down('Spark', told);
  const progress = told.progress ?? told;
  const batch = progress.durationMs?.triggerExecution ?? told.batch_ms;
  const rows = [['batch', number(progress.batchId ?? told.batch)],
    ['takes', batch == null ? '–' : time(batch * 1000)],
    ['rows in it', number(progress.numInputRows ?? told.rows)]];
  if (told.recent_delay_us) rows.unshift(...delays(told));
  const pace = progress.processedRowsPerSecond ?? told.rows_per_second ?? null;
  const all = past.Spark ??= { rates: [] };
  if (pace != null) all.rates.push(pace);
  if (all.rates.length > HISTORY) all.rates.shift();
  return { name: 'Spark', label: 'hashtags', pace, rates: all.rates, rows };
}

function search(told, at, of) {
  const name = of > 1 ? `Search ${at + 1}` : 'Search';
  if (told.error) return down(name, told);
  const more = [['query p50', time(told.recent_query_us?.count ? told.recent_query_us.p50 : null)]];
  const asked = told.cache ? told.cache.hits + told.cache.misses : 0;
  if (asked) more.push(['from cache', `${Math.round(100 * told.cache.hits / asked)} %`]);
  if (told.retries) more.push(['retries', number(told.retries), true]);
  if (told.queries_failed) more.push(['failed', number(told.queries_failed), true]);
  return counted(name, told.vectors == null ? 'rows' : 'rows, vectors', told, more);
}

function web(told) {
  const { pace, rates } = paced(`web ${told.listen}`, told, 'requests');
  const answers = told.recent_answer_us?.count ? told.recent_answer_us : null;
  const rows = [['p50', time(answers?.p50)], ['p99', time(answers?.p99)]];
  if (told.failed) rows.push(['failed', number(told.failed), true]);
  return { name: 'Web', label: told.listen, pace, rates, rows };
}

function stagesOf(told) {
  const all = [];
  if (told.backup) {
    const rows = told.backup.writes_refused
      ? [['refused', number(told.backup.writes_refused), true]] : [];
    rows.unshift(['lines on disk', number(told.backup.lines_committed)]);
    all.push(counted('Backup', 'file', told.backup, rows));
  }
  if (told.spark) all.push(spark(told.spark));
  if (told.trending) {
    const late = told.trending.late ? [['late', number(told.trending.late), true]] : [];
    all.push(counted('Trending', 'windows', told.trending, late));
  }
  told.search.forEach((of, at) => all.push(search(of, at, told.search.length)));
  all.push(web(told.web));
  return all;
}
