/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* map.js - the map: zspages as their lists stand, and pages by section: where each lies on
 * the canvas, and how what is visible is drawn.
 */

/* ---- the map: zspages as their lists stand --------------------------------------- */

/* Pixels of a page, at most, where all fits; a zoom step halves or doubles them. */
const PAGE_PIXELS = 64, ZOOMS = [-2, 3];
/* Of zspages with more pages a part is visible at first. */
const FIT_PAGES = 16;

/* A long line of words in several, cut where `mark` is. */
function foldText(text, mark, width, pixels = 7.3) {
	const parts = text.split(mark), lines = [parts.shift()];

	for (const part of parts) {
		const last = lines.length - 1;

		if ((lines[last].length + part.length + 2) * pixels > width) {
			lines[last] += mark.trim();
			lines.push(part);
		} else {
			lines[last] += mark + part;
		}
	}
	return lines;
}

function addHeader(layout, text, mark, width, bold) {
	foldText(text, mark, width).forEach((header, i) => {
		const h = i ? 17 : 24;

		layout.lines.push({ y: layout.height, h, header, bold });
		layout.height += h;
	});
}

/* Lines of the map: {y, h, ...}, all with one scale: k pixels a page. by: 'class' or
 * 'group'. stale: zspages still stand in the lists of before; "was" is before the name of a
 * list then, where one of it holds more or less by now. `width`: the map's; its lines may be
 * wider. */
function layoutMap(pool, by, width, zoom, stale) {
	const { head, znext, czspages } = pool.s, label = 98;
	/* Behind each zspage its number. */
	const gap = 36 + 7 * String(pool.zclass.length).length;
	const fit = (width - label - gap - 12) / Math.min(pool.widest, FIT_PAGES);
	const k = Math.min(PAGE_PIXELS, fit) * 2 ** zoom;
	const all = Math.max(width, label + gap + 12 + k * pool.widest);
	const layout = { lines: [], height: 0, width: all, label, k };
	const { lines } = layout, ghost = pool.ghost < 0 ? -1 : pool.zclass[pool.ghost];
	let was = '';
	const lists = (c, g, text) => {
		const first = head[c * GROUPS + g], cl = pool.meta.classes[c], w = cl.pages * k + gap;
		const room = Math.max(1, Math.floor((all - label - 8) / w));
		let nr = 0;

		for (let z = first; z >= 0; z = znext[z], nr++) {
			if (stale && !isAsListed(pool, z))
				was = 'was ';
			if (nr % room)
				continue;
			lines.push({ y: layout.height, h: 26, c, g, at: nr, room, w, gap, first: z,
				label: nr ? '' : text });
			layout.height += 26;
		}
		return nr;
	};

	if (!czspages.some(n => n) && ghost < 0)
		addHeader(layout, 'There is no zspage: the pool is empty.', '; ', width);
	if (by === 'class') {
		pool.meta.classes.forEach((cl, c) => {
			if (!czspages[c] && c !== ghost)
				return;
			addHeader(layout, classText(pool, c), '; ', width, true);
			for (let g = GROUPS - 1; g >= 0; g--)
				if (head[c * GROUPS + g] >= 0) {
					const at = lines.length;

					was = '';
					lists(c, g, groupText(g));
					lines[at].label = was + lines[at].label;
				}
			layout.height += 4;
		});
		return layout;
	}
	for (let g = GROUPS - 1; g >= 0; g--) {
		const at = lines.length;
		let nr = 0;

		was = '';
		addHeader(layout, ' ', '; ', width, true);
		pool.meta.classes.forEach((cl, c) => {
			if (head[c * GROUPS + g] >= 0)
				nr += lists(c, g, 'class ' + cl.index);
		});
		if (!nr) {
			layout.height -= lines.pop().h;
			continue;
		}
		lines[at].header = was + groupText(g) +
			(g % 11 ? ' of the places in use: ' : ': ') + plural(nr, 'zspage');
		layout.height += 4;
	}
	return layout;
}

function classText(pool, c) {
	const cl = pool.meta.classes[c], n = pool.s.czspages[c], inuse = pool.s.cinuse[c];

	return `class ${cl.index}: ${num(cl.size)} bytes, ${cl.objs} in ` +
		`${plural(cl.pages, 'page')}; ${plural(n, 'zspage')}, ` +
		`${num(inuse)} of ${num(n * cl.objs)} places in use` +
		(freeableOf(cl, n, inuse) ?
			`; could free ${plural(freeableOf(cl, n, inuse), 'page')}` : '') +
		(pool.ghost >= 0 && pool.zclass[pool.ghost] === c ? `; zspage ${pool.ghost} just freed` :
			'');
}

/* Draws what is visible from (left, top) on. Return: [{z, x, y, w, h}] for clicks. */
function drawMap(canvas, pool, layout, left, top, opt) {
	const pen = new CanvasPen(canvas), ratio = devicePixelRatio || 1, rects = [];
	const width = canvas.clientWidth, height = canvas.clientHeight;
	let low = 0, high = layout.lines.length;

	canvas.width = width * ratio;
	canvas.height = height * ratio;
	pen.g.setTransform(ratio, 0, 0, ratio, 0, 0);
	pen.g.clearRect(0, 0, width, height);
	while (low < high) {
		const mid = low + high >> 1;

		if (layout.lines[mid].y + layout.lines[mid].h < top)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < layout.lines.length && layout.lines[low].y < top + height; low++) {
		const line = layout.lines[low], y = line.y - top;

		if (line.header !== undefined) {
			pen.text(line.header, 2, y + line.h - 7, { bold: line.bold });
			continue;
		}
		if (line.label)
			pen.text(line.label, layout.label - 8, y + 18,
				{ align: 'right', size: 11, colour: 'dim' });
		let z = line.first;
		/* Names of lists stay where they are. */
		pen.g.save();
		pen.g.beginPath();
		pen.g.rect(left ? layout.label - 4 : 0, y - 6, width, 40);
		pen.g.clip();
		for (let i = 0; i < line.room && z >= 0; i++, z = pool.s.znext[z]) {
			const x = layout.label + i * line.w - left;

			if (x > width || x + line.w < 0)
				continue;
			drawZspage(pen, pool, z, x, y + 6, 15, layout.k / pool.meta.page_size, opt);
			rects.push({ z, x, y: y + 4, w: line.w - line.gap, h: 20 });
			const role = opt.source === z ? 'source' : opt.target === z ? 'target' : null;
			if (role)
				pen.rect(role, x - 3, y + 2, line.w - 5, 23);
			pen.text((role ? role === 'source' ? 'S ' : 'D ' : '') + '#' + z,
				x + line.w - line.gap + 4, y + 17, { bold: !!role, size: 10,
					colour: role ? role === 'source' ? 'b' : 'c' : 'dim' });
		}
		pen.g.restore();
	}
	return rects;
}

/* ---- pages by section ------------------------------------------------------------- */

const USES = ['head', 'zspage', 'slab', 'warm', 'cold', 'run'], NO_USES = USES.length;
const USE_TEXTS = ["the section's own head", 'in a zspage', 'handle words and zspage structures',
	'free, with memory', 'free, without memory (given back, or never used)',
	'in no zspage: a free run, or the head of a section of runs'];

/* What each page is used for now: zspages as they are, the rest as it was looked at
 * last. */
function usesNow(pool) {
	const perSection = pool.meta.section_bytes / pool.meta.page_size;
	const uses = new Uint8Array(pool.meta.sections * perSection).fill(255);
	let last = null;

	for (const s of pool.samples)
		if (s.use && s.ops <= pool.ops)
			last = s;
	if (last)
		uses.set(last.use);
	for (let i = 0; i < uses.length; i++)
		if (uses[i] === 1)
			uses[i] = 3;
	pool.s.zlive.forEach((live, z) => {
		if (!live)
			return;
		const at = pool.zpage[z];

		for (let i = 0; i < pool.class(z).pages; i++)
			uses[pool.s.page[at + i]] = 1;
	});
	/* Sections of runs are not looked at: each page there is a zspage's, or it is free
	 * or the head's. */
	for (let s = 0; pool.meta.profile === 'user' && s < pool.meta.sections; s++) {
		const part = uses.subarray(s * perSection, (s + 1) * perSection);

		if (part.includes(1) && part.every(use => use === 1 || use === 255))
			part.forEach((use, i) => { part[i] = use === 1 ? 1 : 5; });
	}
	return { uses, at: last ? last.ops : 0, perSection };
}

function layoutSections(pool, width) {
	const now = usesNow(pool), cell = 12, perRow = Math.max(16, Math.floor((width - 10) / cell));
	const layout = { lines: [], height: 0, width, cell, at: now.at };

	for (let s = 0; s < pool.meta.sections; s++) {
		const part = now.uses.subarray(s * now.perSection, (s + 1) * now.perSection);
		const counts = USES.map(() => 0);

		for (const use of part)
			if (use < NO_USES)
				counts[use]++;
		if (counts.every(n => !n))
			continue;
		addHeader(layout, counts[5] ? `section ${s}, of runs: ${num(counts[1])} pages in zspages, ` +
			`${num(counts[5])} in free runs and the head` :
			`section ${s}: ${num(counts[1])} pages in zspages, ` +
			`${num(counts[2])} of handle words and structures, ${num(counts[3])} free with ` +
			`memory, ${num(counts[4])} without`, ', ', width, true);
		for (let at = 0; at < part.length; at += perRow) {
			layout.lines.push({ y: layout.height, h: cell,
				cells: part.subarray(at, at + perRow), page: s * now.perSection + at });
			layout.height += cell;
		}
		layout.height += 8;
	}
	return layout;
}

/* Pages that look other than by their use, and those of a move's zspages: two maps, by page. */
function pageMarks(pool, opt) {
	const looks = new Map(), roles = new Map();
	const mark = (all, z, what, from = 0, to = pool.class(z).pages - 1) => {
		for (let i = from; i <= to; i++)
			all.set(pool.s.page[pool.zpage[z] + i], what);
	};

	if (pool.ghost >= 0)
		mark(looks, pool.ghost, 'gone');
	if (opt.follow !== undefined && pool.s.oz[opt.follow] >= 0) {
		const z = pool.s.oz[opt.follow], { size } = pool.class(z);
		const start = pool.s.oplace[opt.follow] * size, page = pool.meta.page_size;

		mark(looks, z, 'followZ');
		mark(looks, z, 'follow', Math.floor(start / page),
			Math.floor((start + size - 1) / page));
	}
	if (opt.source !== undefined)
		mark(roles, opt.source, 'S');
	if (opt.target !== undefined)
		mark(roles, opt.target, 'D');
	return { looks, roles };
}

function drawSections(canvas, pool, layout, top, opt) {
	const pen = new CanvasPen(canvas), ratio = devicePixelRatio || 1;
	const width = canvas.clientWidth, height = canvas.clientHeight, cell = layout.cell;
	const { looks, roles } = pageMarks(pool, opt);

	canvas.width = width * ratio;
	canvas.height = height * ratio;
	pen.g.setTransform(ratio, 0, 0, ratio, 0, 0);
	for (const line of layout.lines) {
		const y = line.y - top;

		if (y + line.h < 0 || y > height)
			continue;
		if (line.header) {
			pen.text(line.header, 2, y + line.h - 7, { bold: true });
			continue;
		}
		line.cells.forEach((use, i) => {
			if (use >= NO_USES)
				return;
			const look = looks.get(line.page + i), role = roles.get(line.page + i);
			const x = 4 + i * cell, w = cell - 1.5;
			if (look === 'gone')
				drawGone(pen, x, y, w, w, 1);
			else
				pen.rect(look || USES[use], x, y, w, w);
			if (role)
				drawRole(pen, role, x, y, w, look === 'follow' ? 'bg' : 'ink');
			if (use === 3 && !look) {
				pen.g.fillStyle = pen.colour('a');
				pen.g.fillRect(x + w / 2 - 1, y + w / 2 - 1, 2, 2);
			}
			if (opt.page === line.page + i)
				pen.rect('moved', x, y, w, w);
		});
	}
}

