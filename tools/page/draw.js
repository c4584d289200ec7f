/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* draw.js - what things look like, and one zspage to scale. What is drawn often goes to a
 * canvas, what is read or kept goes to SVG: through a pen, which both have.
 */

/* A fullness group by what it covers: whole percents of places in use, rounded down. */
function groupText(g) {
	return g === 0 ? 'empty' : g === 11 ? 'full' :
		`${(g - 1) * 10} to ${g * 10 - 1} %`;
}

/* Does zspage z hold what the name of its list says? Not in the middle of a compaction. */
function isAsListed(pool, z) {
	return pool.s.zgroup[z] === groupOf(pool.s.zinuse[z], pool.class(z).objs);
}

/* What things look like: fill, stroke, and a pattern, which tells them apart without
 * colour: lines '/' or 'x', or dots '.'. */
const LOOKS = {
	use: { fill: 'a-pale', stroke: 'a' },
	word: { fill: 'a' },
	free: { fill: 'bg', stroke: 'strong', dash: true },
	kept: { fill: 'bg', stroke: 'strong', pattern: '.' },
	tail: { fill: 'bg', stroke: 'strong', pattern: 'x' },
	rounding: { fill: 'd-pale', stroke: 'd', pattern: '/' },
	source: { stroke: 'b', width: 2.5 },
	target: { stroke: 'c', width: 2.5 },
	follow: { fill: 'mark', stroke: 'mark' },
	followZ: { fill: 'a-pale', stroke: 'mark', width: 2.5 },
	moved: { stroke: 'ink', width: 3 },
	left: { stroke: 'ink', width: 3, dash: true },
	gone: { fill: 'bg', stroke: 'b', dash: true },
	cross: { stroke: 'b', width: 1.2 },
	edge: { stroke: 'ink', width: 1.6 },
	word0: { fill: 'e-pale', stroke: 'e' },
	slab: { fill: 'e-pale', stroke: 'e', pattern: '/' },
	head: { fill: 'grey-pale', stroke: 'grey', pattern: 'x' },
	zspage: { fill: 'a-pale', stroke: 'a' },
	warm: { fill: 'bg', stroke: 'a' },
	cold: { fill: 'bg', stroke: 'line', dash: true },
	run: { fill: 'bg', stroke: 'line', pattern: '.' },
	box: { fill: 'box', stroke: 'line' },
	pfn: { fill: 'a-pale', stroke: 'a' },
	cls: { fill: 'c-pale', stroke: 'c' },
	idx: { fill: 'd-pale', stroke: 'd' },
	heatFree: { fill: 'grey-pale' },
	heatUse: { fill: 'a' },
	none: {},
};

class CanvasPen {
	constructor(canvas) {
		this.g = canvas.getContext('2d');
		this.patterns = {};
	}
	colour(name) {
		return colour(name);
	}
	pattern(kind) {
		if (this.patterns[kind])
			return this.patterns[kind];
		const tile = document.createElement('canvas'), g = tile.getContext('2d');

		tile.width = tile.height = 6;
		g.strokeStyle = g.fillStyle = this.colour('strong');
		g.beginPath();
		if (kind === '.') {
			g.fillRect(2, 2, 2, 2);
		} else {
			g.moveTo(-1, 7);
			g.lineTo(7, -1);
			if (kind === 'x') {
				g.moveTo(-1, -1);
				g.lineTo(7, 7);
			}
			g.stroke();
		}
		return this.patterns[kind] = this.g.createPattern(tile, 'repeat');
	}
	rect(look, x, y, w, h) {
		const style = LOOKS[look], g = this.g;

		if (style.fill) {
			g.fillStyle = this.colour(style.fill);
			g.fillRect(x, y, w, h);
		}
		if (style.pattern) {
			g.fillStyle = this.pattern(style.pattern);
			g.fillRect(x, y, w, h);
		}
		if (!style.stroke || w < 2.5)
			return;
		g.strokeStyle = this.colour(style.stroke);
		g.lineWidth = style.width || 1;
		g.setLineDash(style.dash ? [3, 2] : []);
		g.strokeRect(x + .5, y + .5, w - 1, h - 1);
	}
	line(look, x1, y1, x2, y2) {
		const g = this.g;

		g.strokeStyle = this.colour(LOOKS[look].stroke);
		g.lineWidth = LOOKS[look].width || 1;
		g.setLineDash([]);
		g.beginPath();
		g.moveTo(x1, y1);
		g.lineTo(x2, y2);
		g.stroke();
	}
	text(text, x, y, opt = {}) {
		const g = this.g;

		g.font = (opt.bold ? 'bold ' : '') + (opt.size || 12) +
			'px system-ui, "DejaVu Sans", sans-serif';
		g.textAlign = opt.align || 'left';
		g.fillStyle = this.colour(opt.colour || 'ink');
		g.fillText(text, x, y);
	}
}

let nrPatterns = 0;

class SvgPen {
	constructor(parent) {
		this.parent = parent;
		this.id = 'p' + nrPatterns++;
		this.defs = svg('defs', {}, parent);
		this.patterns = {};
	}
	paint(name) {
		return name ? `var(--${name})` : 'none';
	}
	pattern(kind) {
		const id = this.id + { '/': 'l', x: 'x', '.': 'd' }[kind];

		if (this.patterns[kind])
			return id;
		this.patterns[kind] = true;
		const p = svg('pattern', { id, width: 6, height: 6,
			patternUnits: 'userSpaceOnUse' }, this.defs);
		if (kind === '.')
			svg('rect', { x: 2, y: 2, width: 2, height: 2, fill: 'var(--strong)' }, p);
		else
			svg('path', { d: 'M-1 7L7 -1' + (kind === 'x' ? 'M-1 -1L7 7' : ''),
				stroke: 'var(--strong)' }, p);
		return id;
	}
	rect(look, x, y, w, h, title) {
		const style = LOOKS[look];
		const n = v => +v.toFixed(1);
		const at = { x: n(x), y: n(y), width: n(w), height: n(h) };
		const r = svg('rect', { ...at, 'class': look, fill: this.paint(style.fill),
			...(style.stroke ? { stroke: this.paint(style.stroke),
				'stroke-width': style.width || 1 } : {}),
			...(style.dash ? { 'stroke-dasharray': '3 2' } : {}) }, this.parent);

		if (style.pattern)
			svg('rect', { ...at, fill: `url(#${this.pattern(style.pattern)})` },
				this.parent);
		if (title)
			svg('title', {}, r, title);
		return r;
	}
	line(look, x1, y1, x2, y2) {
		const n = v => +v.toFixed(1);

		svg('path', { d: `M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}`, fill: 'none',
			stroke: this.paint(LOOKS[look].stroke),
			'stroke-width': LOOKS[look].width || 1 }, this.parent);
	}
	text(text, x, y, opt = {}) {
		svg('text', { x: +x.toFixed(1), y: +y.toFixed(1), 'font-size': opt.size || 12,
			'text-anchor': { right: 'end', center: 'middle' }[opt.align] || 'start',
			...(opt.bold ? { 'font-weight': 'bold' } : {}),
			...(opt.mono ? { 'font-family': 'ui-monospace, "DejaVu Sans Mono", monospace' } :
				{}),
			style: `fill:var(--${opt.colour || 'ink'})` }, this.parent, text);
	}
}

/* ---- a zspage ------------------------------------------------------------------- */

/* Draws zspage z to scale, k pixels a byte. Objects narrower than some pixels are drawn
 * as what several of them hold. opt: follow: object; moved: the move that was done last. */
function drawZspage(pen, pool, z, x, y, h, k, opt = {}) {
	const c = pool.class(z), w = c.size * k, base = pool.zbase[z], slot = pool.s.slot;
	const look = what => what === SLOT_FREE ? 'free' : what === SLOT_KEPT ? 'kept' : 'use';
	const all = c.pages * pool.meta.page_size * k, end = c.objs * w;

	if (!pool.s.zlive[z]) {
		drawGone(pen, x, y, all, h, c.pages);
		return;
	}
	for (let i = 0; i < c.objs;) {
		const kind = look(slot[base + i]);
		let run = 1;

		while (w * run < 3 && i + run < c.objs && look(slot[base + i + run]) === kind)
			run++;
		if (w < 3)
			while (i + run < c.objs && look(slot[base + i + run]) === kind)
				run++;
		pen.rect(kind, x + i * w, y, Math.max(w * run, .5), h);
		if (kind === 'use' && w >= 6 && !c.huge)
			pen.rect('word', x + i * w, y, Math.max(wordBytes(pool) * k, 1.5), h);
		i += run;
	}
	if (all - end > .5)
		pen.rect('tail', x + end, y, all - end, h);
	for (let p = 0; p <= c.pages; p++)
		pen.line('edge', x + p * pool.meta.page_size * k, y - 2,
			x + p * pool.meta.page_size * k, y + h + 2);
	if (opt.follow !== undefined && pool.s.oz[opt.follow] === z) {
		const at = x + pool.s.oplace[opt.follow] * w;

		pen.rect('follow', at, y, Math.max(w, 3), h);
		pen.text('\u25bc', at + w / 2, y - 1, { align: 'center', size: 11, colour: 'mark' });
	}
	if (opt.moved && opt.moved.z === z)
		pen.rect('moved', x + opt.moved.place * w, y, Math.max(w, 5), h);
	if (opt.moved && opt.moved.fromZ === z)
		pen.rect('left', x + opt.moved.fromPlace * w, y, Math.max(w, 5), h);
}

/* A zspage that was just freed, page by page. */
function drawGone(pen, x, y, w, h, pages) {
	const page = w / pages;

	for (let p = 0; p < pages; p++) {
		pen.rect('gone', x + p * page, y, page, h);
		pen.line('cross', x + p * page, y, x + (p + 1) * page, y + h);
		pen.line('cross', x + p * page, y + h, x + (p + 1) * page, y);
	}
}

/* On a page of the source of a move, or of its destination. */
function drawRole(pen, role, x, y, w, colour = 'ink') {
	pen.rect(role === 'S' ? 'source' : 'target', x, y, w, w);
	pen.text(role, x + w / 2, y + w / 2 + 3, { align: 'center', size: 8, bold: true, colour });
}

const wordBytes = pool => pool.meta.word_bits / 8;

/* Small pictures for keys. */
function keyItem(parent, look, text) {
	const span = html('span', {}, parent);
	const s = svg('svg', { width: 22, height: 13, 'aria-hidden': 'true' }, span);
	const pen = new SvgPen(s);

	if (look === 'moved' || look === 'left') {
		pen.rect(look === 'moved' ? 'use' : 'free', 1, 1, 20, 11);
		pen.rect(look, 2, 2, 18, 9);
	} else if (look === 'gone') {
		drawGone(pen, 1, 1, 20, 11, 1);
	} else if (look === 'S' || look === 'D') {
		pen.rect('zspage', 5, .5, 12, 12);
		drawRole(pen, look, 5, .5, 12);
	} else if (look === 'page') {
		pen.rect('use', 0, 1, 22, 11);
		pen.line('edge', 11, 0, 11, 13);
	} else if (look === 'warm') {
		pen.rect('warm', 1, 1, 20, 11);
		pen.rect('word', 10, 5.5, 2, 2);
	} else if (look === 'word') {
		pen.rect('use', 0, 1, 22, 11);
		pen.rect('word', 0, 1, 4, 11);
	} else {
		pen.rect(look, 1, 1, 20, 11);
	}
	span.append(text);
}

