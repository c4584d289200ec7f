/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* report.js - the report's timeline of locks, with a key that says what each lock is,
 * and the table of what the explorer found.
 */

/* What the names mean: those of the source, or of a kernel's file. [pattern, tint, text] */
const LOCKS = [
	[/class/, 'b', "class->lock, one for each size class: its fullness lists, counts and free " +
		'lists of zspages'],
	[/^pool->lock/, 'a', 'where each handle leads: read by who follows one, written by who moves'],
	[/migrate/, 'a', "the pool's lock in some kernel versions: where each handle leads"],
	[/^zone/, 'c', "the page allocator's: free pages of the pool"],
	[/^cache/, 'e', "a slab cache's: handle words, or zspage structures"],
	[/^d->drain/, 'd', 'the right to free what is queued: one thread at a time'],
	[/^d->hand/, 'd', 'handles that were taken out of the queue and are not freed yet'],
	[/^d->(lock|array)/, 'd', 'the queue of handles that are to be freed later'],
	[/^d->bufs/, 'd', 'the full buffers of the CPUs that wait to be drained'],
	[/^slot/, 'grey', 'what one CPU keeps for itself: pages, handles or freed objects'],
	[/^m->/, 'strong', "a slab cache's magazine of one CPU: handle words that it has ready"],
	[/^wq/, 'strong', 'the queue of jobs for the worker'],
	[/^runs/, 'c', 'the user profile: free runs of pages'],
	[/^zspage|pin/, 'e', 'a zspage: its objects are in use, or are moved'],
	[/^page/, 'grey', 'a page: it is neither moved nor freed'],
];
const OTHER = [/./, 'strong', "a lock of this name in the source"];
const lockOf = name => LOCKS.find(l => l[0].test(name)) || OTHER;

const lines = JSON.parse($('timelines').textContent);
let span = 0, which = 0;

/* How many of the locks that a CPU has at the same time each lies over. */
function depths(spans) {
	const held = new Map();

	return spans.map(([b, e, , wait, c]) => {
		if (wait)
			return 0;
		const open = (held.get(c) || []).filter(end => end > b);
		held.set(c, [...open, e]);
		return open.length;
	});
}

function draw() {
	const t = lines[which], s = $('lanes'), h = 24, w = 1040;
	const all = t.spans.reduce((m, x) => Math.max(m, x[1]), 1), show = all / Math.pow(4, span);
	const sorted = t.spans.slice().sort((x, y) => x[0] - y[0] || y[1] - x[1]);
	const depth = depths(sorted), used = new Set();

	s.replaceChildren();
	s.setAttribute('viewBox', `0 0 1160 ${t.cpus * h + 30}`);
	for (let c = 0; c < t.cpus; c++) {
		svg('text', { x: 0, y: c * h + 16 }, s, 'CPU ' + c);
		svg('rect', { x: 60, y: c * h + 2, width: w, height: h - 4, 'class': 'lane' }, s);
	}
	sorted.forEach(([b, e, l, wait, c], i) => {
		if (b > show || c >= t.cpus)
			return;
		const name = t.locks[l] || '?', inset = 3 * Math.min(depth[i], 3);
		const r = svg('rect', { x: 60 + b / show * w, y: c * h + (wait ? h - 8 : 3 + inset),
			width: Math.max((Math.min(e, show) - b) / show * w, .4),
			height: wait ? 4 : Math.max(h - 12 - inset, 4), fill: `var(--${lockOf(name)[1]})`,
			opacity: wait ? .5 : .95, 'class': wait ? 'wait' : 'hold' }, s);

		if (!/^page/.test(name))
			used.add(name);
		svg('title', {}, r, `${name}: ${wait ? 'waits' : 'has it'} ${(e - b).toFixed(0)} ns`);
	});
	for (let i = 0; i <= 5; i++)
		svg('text', { x: 60 + i * w / 5, y: t.cpus * h + 18, 'text-anchor': 'middle' }, s,
			(show * i / 5 / 1000).toFixed(2) + ' \u00b5s');
	$('key').replaceChildren();
	for (const name of used) {
		const dt = html('dt', {}, $('key'));

		html('i', { style: `background: var(--${lockOf(name)[1]})` }, dt);
		dt.append(name);
		html('dd', {}, $('key'), lockOf(name)[2]);
	}
	[...$('choice').children].forEach((b, i) => b.setAttribute('aria-pressed', i === which));
}

if (lines.length) {
	lines.forEach((t, i) => {
		html('button', {}, $('choice'), t.name).onclick = () => {
			which = i;
			draw();
		};
	});
	$('in').onclick = () => { span = Math.min(span + 1, 5); draw(); };
	$('out').onclick = () => { span = Math.max(span - 1, 0); draw(); };
	span = 2;
	draw();
} else {
	$('timeline').textContent = 'No cell of at most 12 CPUs was simulated.';
}

const rows = [];
for (const file of document.querySelectorAll('.seeded-data')) {
	let found = JSON.parse(file.textContent);

	if (!Array.isArray(found))
		found = found.results || found.variants || [found];
	for (const r of found)
		rows.push({ variant: file.dataset.name, ...r });
}
if (rows.length) {
	const names = ['variant', 'scenario', 'scope', 'defer', 'cpus', 'preemptions', 'schedules',
		'found', 'found_at', 'found_steps', 'schedule']
		.filter(n => rows.some(r => r[n] !== undefined));
	const t = html('table', { id: 'seeded-table' }, $('seeded'));
	const head = t.createTHead().insertRow(), body = t.createTBody();

	for (const n of names)
		html('th', { 'class': 't' }, head, n.replace('_', ' '));
	for (const r of rows) {
		const tr = body.insertRow();

		for (const n of names)
			put(tr.insertCell(), { 'class': 't' }, null, r[n] === undefined ? '' : r[n]);
	}
}
document.body.dataset.ready = 'yes';
