// What failed stands on the page's root, where a test looks.
const root = document.documentElement;
const problem = (text) => { root.dataset.problems = (root.dataset.problems || '') + text + '; '; };
addEventListener('error', (event) => problem(event.message || 'error'));
addEventListener('securitypolicyviolation', (event) => problem('request ' + event.blockedURI));
