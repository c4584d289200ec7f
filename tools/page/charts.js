/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* charts.js - what has an axis: bars of where a pool's bytes are, curves and the heat map
 * over the operations. Drawn in the pixels that there are, so that text keeps its size.
 */

/* ---- bars: where the bytes of a pool's pages are ------------------------------------ */

const PARTS = [['live', 'use', 'what was asked for'],
	['rounding', 'rounding', "rounding up to size classes, with the pool's word in each object"],
	['free', 'free', 'free places in zspages still in use'],
	['tail', 'tail', 'ends of zspages, too small for an object']];

/* rows: [[name, what, parts]]. most: bytes of the longest bar there will be. */
function drawBars(parent, rows, pageSize, most) {
	const all = Math.max(300, Math.min(900, parent.clientWidth));
	const left = all < 520 ? 102 : 112, right = 12 + 8 * plural(most / pageSize, 'page').length;
	const w = all - left - right, h = rows.length * 44 + 4;
	const s = svg('svg', { viewBox: `0 0 ${all} ${h}`, width: all, height: h, role: 'img',
		'class': 'bars' });
	const pen = new SvgPen(s);

	s.setAttribute('aria-label', rows.map(([name, what, parts]) => `${name} ${what}: ` +
		PARTS.map(([key, , text]) => `${text} ${size(parts[key])}`).join(', ')).join('. '));
	rows.forEach(([name, what, parts], i) => {
		let x = left;
		const y = i * 44 + 4;

		pen.text(name, left - 8, y + (what ? 12 : 18), { align: 'right', bold: true });
		pen.text(what, left - 8, y + 25, { align: 'right', size: 11, colour: 'dim' });
		for (const [key, look, text] of PARTS) {
			const width = parts[key] / most * w;

			if (width > .2)
				pen.rect(look, x, y, width, 26,
					`${name}: ${text}: ${size(parts[key])}, ${percent(parts[key], parts.all)}`);
			if (width > 48)
				pen.text(size(parts[key]), x + width / 2, y + 38,
					{ align: 'center', size: 11, colour: 'dim' });
			x += width;
		}
		pen.text(plural(parts.all / pageSize, 'page'), x + 8, y + 17, { bold: true });
	});
	parent.replaceChildren(s);
}

/* ---- curves ------------------------------------------------------------------------- */

/* [name, colour, dash, width, text, value]. */
const CURVES = [['pages', 'a', '', 3, 'pages of zspages', (s, m) => s.pages * m.page_size],
	['live', 'c', '9 2 2 2', 1.8, 'what was asked for', s => s.live],
	['freeable', 'b', '6 3', 1.8, 'what compaction could free',
		(s, m) => s.freeable * m.page_size],
	['resident', 'grey', '2 3', 1.8, 'memory taken from the OS, with free pages and handles',
		s => s.resident]];

/* Where operations begin at the left, and how wide they are: the same for curves and heat
 * map. */
const chartRoom = width => ({ left: 64, w: Math.max(100, width - 64 - 20) });

/* Return: a function that sets the cursor. */
function drawCurves(parent, pool, most, choose) {
	const { left, w } = chartRoom(parent.clientWidth), h = 190, top = 22;
	const meta = pool.meta, all = Math.max(meta.ops, 1);
	const s = svg('svg', { viewBox: `0 0 ${w + left + 20} ${h + top + 42}`,
		width: w + left + 20, height: h + top + 42, role: 'img', 'class': 'curves',
		'aria-label': 'Bytes over operations: ' + CURVES.map(c => c[4]).join(', ') });

	parent.replaceChildren(s);
	const x = ops => left + ops / all * w, y = v => top + h - v / most * h;

	for (const v of byteTicks(most, 4)) {
		svg('path', { d: `M${left} ${y(v)}h${w}`, 'class': 'grid' }, s);
		svg('text', { x: left - 6, y: y(v) + 4, 'text-anchor': 'end', 'font-size': 12 }, s,
			size(v));
	}
	for (const v of ticks(all, Math.max(2, Math.floor(w / 140))))
		svg('text', { x: x(v), y: top + h + 16, 'text-anchor': 'middle', 'font-size': 12 },
			s, num(v));
	svg('text', { x: left + w, y: top + h + 32, 'text-anchor': 'end', 'font-size': 12,
		'class': 'dim' }, s, 'operations');
	for (const [name, tint, dash, thick, text, value] of CURVES) {
		let d = '', last = null;

		for (const sample of pool.samples) {
			const at = `${x(sample.ops).toFixed(1)} ${y(value(sample, meta)).toFixed(1)}`;

			if (at !== last)
				d += (d ? 'L' : 'M') + at;
			last = at;
		}
		const line = svg('path', { d, fill: 'none', stroke: `var(--${tint})`,
			'stroke-width': thick, 'stroke-dasharray': dash, 'class': 'curve ' + name }, s);
		svg('title', {}, line, text);
	}
	let lastX = -99, mark = null;
	for (const event of meta.events) {
		const at = x(event.ops_before + 1);

		svg('path', { d: `M${at} ${top}v${h}`, stroke: 'var(--strong)',
			'stroke-dasharray': '1 3', 'class': 'event' }, s);
		const kind = event.kind === 'c' ? 'C' : 'T';
		if (at - lastX < 14) {
			/* One mark for both. */
			if (!mark.firstChild.data.includes(kind))
				mark.firstChild.data += kind;
			mark.lastChild.textContent += '; ' + eventText(event);
			continue;
		}
		lastX = at;
		mark = svg('text', { x: at, y: top - 8, 'text-anchor': 'middle',
			'font-size': 12, 'font-weight': 'bold', 'class': 'event-mark' }, s,
			kind);
		svg('title', {}, mark, eventText(event));
	}
	const cursor = svg('path', { d: '', stroke: 'var(--ink)', 'stroke-width': 2 }, s);
	s.addEventListener('click', e => {
		const box = s.getBoundingClientRect();
		const at = (e.clientX - box.left) / box.width * (w + left + 20);

		choose(Math.round((at - left) / w * all));
	});
	return ops => cursor.setAttribute('d', `M${x(ops).toFixed(1)} ${top}v${h}`);
}

function eventText(event) {
	const place = `operation ${num(event.ops_before + 1)}`;

	return (event.kind === 'c' ? `C: compaction at ${place}: ` : `T: trim at ${place}: `) +
		didText(event);
}

const didText = event => event.kind === 'c' ?
	`${plural(event.objs_moved, 'object')} moved, ${plural(event.pages_freed, 'page')} freed` :
	`${plural(event.pages_moved, 'page')} moved, ${size(event.bytes_given_back)} given back to ` +
	'the OS';

/* ---- heat map: free places by class over the operations ------------------------------- */

/* The share of places in use in each class, by height, so that it can be read without
 * colour: of the classes with most pages of free places. Return: what lies where,
 * for the pointer, and how many classes there are. */
const HEAT_ROWS = 28, HEAT_ROW = 15;

function drawHeat(canvas, pool) {
	const meta = pool.meta, all = Math.max(meta.ops, 1);
	const free = (s, c) => s.classes[2 * c] * meta.classes[c].objs - s.classes[2 * c + 1];
	const most = meta.classes.map((cl, c) => [cl.size * pool.samples.reduce((all, s) =>
		Math.max(all, free(s, c)), 0), c]).filter(m => m[0] > 0);
	const used = most.sort((a, b) => b[0] - a[0]).slice(0, HEAT_ROWS).map(m => m[1])
		.sort((a, b) => a - b);
	const pen = new CanvasPen(canvas), ratio = devicePixelRatio || 1;

	canvas.style.height = used.length * HEAT_ROW + 'px';
	const width = canvas.clientWidth, { left: x0, w } = chartRoom(width);
	canvas.width = width * ratio;
	canvas.height = used.length * HEAT_ROW * ratio;
	pen.g.setTransform(ratio, 0, 0, ratio, 0, 0);
	/* Whole pixels, so that there are no seams. */
	const at = pool.samples.map(s => x0 + s.ops / all * w);
	const from = at.map(Math.floor);
	const to = from.map((x, i) => Math.max(x + 1, Math.ceil(at[i + 1] ?? x0 + w)));
	used.forEach((c, r) => {
		const cl = meta.classes[c], y = r * HEAT_ROW;
		/* Some objects are seen, however few. */
		const high = pool.samples.map(s => !s.classes[2 * c] ? -1 : Math.ceil(
			s.classes[2 * c + 1] / (s.classes[2 * c] * cl.objs) * (HEAT_ROW - 2)));

		pen.text(num(cl.size), x0 - 6, y + 10, { align: 'right', size: 11, colour: 'dim' });
		for (let i = 0, end; i < high.length; i = end) {
			const x = from[i], h = high[i];

			for (end = i + 1; high[end] === h;)
				end++;
			if (h < 0)
				continue;
			pen.g.fillStyle = pen.colour(LOOKS.heatFree.fill);
			pen.g.fillRect(x, y, to[end - 1] - x, HEAT_ROW - 2);
			pen.g.fillStyle = pen.colour(LOOKS.heatUse.fill);
			pen.g.fillRect(x, y + HEAT_ROW - 2 - h, to[end - 1] - x, h);
		}
	});
	return {
		shown: used.length, classes: most.length,
		at(px, py) {
			const c = used[Math.floor(py / HEAT_ROW)];
			const ops = Math.max(0, Math.min(all, Math.round((px - x0) / w * all)));

			if (c === undefined)
				return null;
			const s = pool.samples.filter(s => s.ops <= ops).pop();
			return { c, ops, free: free(s, c), places: s.classes[2 * c] * meta.classes[c].objs };
		},
	};
}
