document.querySelectorAll('figure.chart').forEach(build);
events();
tools();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
root.dataset.charts = String(charts.length);
