/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pool.js - one pool on the page: what it holds and why, and its map. follow.js shows one of
 * its objects there, moves.js a compaction.
 */

/* What a compaction does, as the end of a sentence. `used`: pages count from their first use
 * on. */
function doesText(event, past, used) {
	const objs = event.objs_moved, pages = event.pages_freed;

	return (past ? 'moved ' : 'moves ') +
		(objs ? plural(objs, 'object') + ' into free places' : 'nothing') +
		(past ? ' and freed ' : ' and frees ') +
		(pages ? used ? `${plural(pages, 'page')} that had been used.` :
			`the ${plural(pages, 'page')} that ${past ? 'became' : 'become'} empty.` :
			objs ? 'no page.' : 'nothing.');
}

/* ---- one pool on the page -------------------------------------------------------------- */

class PoolView {
	constructor(pool, nr, parent) {
		const e = html('section', { 'class': 'pool', id: 'pool-' + nr,
			'aria-label': 'Pool: ' + pool.meta.label }, parent);

		this.pool = pool;
		this.nr = nr;
		html('h2', { 'class': 'label' }, e, view.pools.length || view.two ?
			'Pool ' + (nr + 1) + ': ' + pool.meta.label : 'The pool: ' + pool.meta.label);
		this.story = html('ul', { 'class': 'story' }, e);
		this.bars = html('div', { 'class': 'bars-of' }, e);
		const key = html('p', { 'class': 'key' }, e);
		for (const [, look, text] of PARTS)
			keyItem(key, look, text);
		this.makeMap(e);
		html('h2', {}, e, 'Over the operations');
		this.makeCurves(e);
	}

	makeMap(e) {
		const columns = html('div', { 'class': 'columns' }, e);
		const left = html('div', {}, columns);
		const head = this.mapHead = html('h2', {}, left, '');
		const tools = html('div', { 'class': 'tools', role: 'group', 'aria-label': 'Map' },
			left);

		head.id = 'map-head-' + this.nr;
		this.tabs = [['class', 'by size class'], ['group', 'by fullness group'],
			['section', 'pages by section']].map(([by, text]) => {
			const b = html('button', { 'data-by': by }, tools, text);

			b.onclick = () => choose({ by });
			return b;
		});
		this.zooms = [[-1, '\u2212', 'smaller'], [1, '+', 'larger']].map(([d, sign, name]) => {
			const b = html('button', { 'aria-label': 'Map ' + name }, tools,
				`${sign} ${name}`);

			b.onclick = () => choose({ zoom: Math.max(ZOOMS[0],
				Math.min(ZOOMS[1], view.zoom + d)) });
			return b;
		});
		const key = html('p', { 'class': 'key' }, left);
		keyItem(key, 'use', 'object in use');
		keyItem(key, 'word', 'its first word: the handle');
		keyItem(key, 'free', 'free place');
		if (!this.pool.meta.pfn_shift)
			keyItem(key, 'kept', 'free, kept for the next use');
		keyItem(key, 'tail', 'too small for an object');
		keyItem(key, 'page', 'page border');
		keyItem(key, 'follow', 'the object followed');
		html('span', {}, key, '#7: zspage number 7');
		html('span', {}, key, '20 to 29 %: so many of its places are in use, its fullness group');
		html('span', {}, key, 'all to one scale');
		this.moveKey = html('p', { 'class': 'key' }, left);
		keyItem(this.moveKey, 'source', 'S: source of the move');
		keyItem(this.moveKey, 'target', 'D: its destination');
		keyItem(this.moveKey, 'moved', 'the object moved or allocated in this step');
		keyItem(this.moveKey, 'left', 'where it was, or was freed');
		keyItem(this.moveKey, 'gone', 'a zspage freed in this step');
		this.sectionKey = html('p', { 'class': 'key', hidden: '' }, left);
		USES.forEach((use, i) => {
			if (use !== 'run' || this.pool.meta.profile === 'user')
				keyItem(this.sectionKey, use, USE_TEXTS[i]);
		});
		keyItem(this.sectionKey, 'follow', 'with the object followed, or a part of it');
		keyItem(this.sectionKey, 'followZ', 'another page of its zspage');
		keyItem(this.sectionKey, 'S', 'of the source of the move');
		keyItem(this.sectionKey, 'D', 'of its destination');
		keyItem(this.sectionKey, 'gone', 'freed in this step');
		if (this.pool.meta.events.some(e => e.kind === 't'))
			keyItem(this.sectionKey, 'moved', 'moved in this step of a trim');
		this.zspageKey = key;
		this.rects = [];
		this.box = html('div', { 'class': 'map', tabindex: 0, role: 'group',
			'aria-labelledby': head.id }, left);
		this.space = html('div', { 'class': 'space' }, this.box);
		this.canvas = html('canvas', { role: 'img' }, this.space);
		this.box.addEventListener('scroll', () => {
			/* The reader looks somewhere else, or at it again. */
			if (this.box.scrollTop !== this.scrolledTo)
				this.keep = this.isVisible();
			this.drawMap();
		});
		this.canvas.addEventListener('click', e => this.click(e));
		this.canvas.addEventListener('mousemove', e => {
			this.canvas.title = this.pointedText(this.pointed(e));
		});
		const side = html('div', { 'class': 'side' }, columns);
		this.moves = html('div', { 'class': 'moves' }, side);
		this.followed = html('div', { 'class': 'followed' }, side);
	}

	makeCurves(e) {
		const key = html('p', { 'class': 'key' }, e);

		for (const [, tint, dash, thick, text] of CURVES) {
			const span = html('span', {}, key);
			const s = svg('svg', { width: 30, height: 10, 'aria-hidden': 'true' }, span);

			svg('path', { d: 'M0 5h30', stroke: `var(--${tint})`, 'stroke-width': thick,
				'stroke-dasharray': dash }, s);
			span.append(text);
		}
		const span = html('span', {}, key);
		svg('path', { d: 'M6 0v13', stroke: 'var(--ink)', 'stroke-width': 2 },
			svg('svg', { width: 12, height: 13, 'aria-hidden': 'true' }, span));
		span.append('the operation that is shown');
		const kinds = new Set(this.pool.meta.events.map(event => event.kind));
		if (kinds.size)
			html('span', {}, key, [['c', 'C: a compaction'], ['t', 'T: a trim']]
				.filter(([kind]) => kinds.has(kind)).map(([, text]) => text).join(', '));
		html('span', {}, key, 'click in the chart to go there');
		this.curves = html('div', {}, e);
		this.heatText = html('p', { 'class': 'dim' }, e);
		const heatKey = html('p', { 'class': 'key' }, e);
		keyItem(heatKey, 'heatUse', 'places in use: at the bottom of a row');
		keyItem(heatKey, 'heatFree', 'free places: above them');
		html('span', {}, heatKey, 'blank: the class has no zspage');
		this.heat = html('canvas', { 'class': 'heat', role: 'img',
			'aria-label': 'Free places by size class over the operations' }, e);
		this.heatNote = html('p', { 'class': 'dim heat-note' }, e);
		this.heat.addEventListener('mousemove', e => {
			const at = this.heatMap && this.heatMap.at(e.offsetX, e.offsetY);

			this.heatNote.textContent = at ? `class ${this.pool.meta.classes[at.c].index} at ` +
				`operation ${num(at.ops)}: ${num(at.free)} of ${num(at.places)} places free` : '';
		});
		this.heat.addEventListener('click', e => {
			const at = this.heatMap && this.heatMap.at(e.offsetX, e.offsetY);

			if (at)
				go(at.ops);
		});
	}

	/* What does not change with a step. */
	drawCharts() {
		this.cursor = drawCurves(this.curves, this.pool, view.most, ops => go(ops));
		this.heatMap = drawHeat(this.heat, this.pool);
		const { shown, classes } = this.heatMap;
		this.heatText.textContent = 'How full each size class is over the same operations, a row ' +
			'for each, with the bytes of an object at the left. ' +
			(shown < classes ? `Shown are the ${shown} of ${classes} classes with most bytes ` +
				'of free places.' : '');
	}

	/* ---- what changes with each step ---- */

	draw() {
		this.isEvent = 'ct'.includes(this.pool.frameKind) && this.pool.ops > 0;
		this.findMoves();
		this.drawStory();
		this.drawMoves();
		this.drawFollowed();
		this.layoutMap();
		this.keepInView();
		this.drawMap();
		if (this.cursor)
			this.cursor(this.pool.ops);
	}

	/* The compaction to speak of: the one just done, or the next, or the last. */
	event() {
		const events = this.pool.meta.events.filter(e => e.kind === 'c');

		return events.find(e => e.ops_before + 1 >= this.pool.ops) ||
			events[events.length - 1];
	}

	which(event) {
		const at = event.ops_before + 1 - this.pool.ops;

		return at > 0 ? 'next' : at ? 'last' : 'this';
	}

	/* Of drawBars: now, and before and after the compaction that is spoken of. */
	barRows() {
		const { pool } = this, event = this.event(), rows = [['now', '', pool.parts()]];
		const near = ops => pool.samples.filter(s => s.event && s.ops === ops);
		const before = event && near(event.ops_before)[0];
		const after = event && near(event.ops_before + 1).pop();

		if (before && after) {
			const which = this.which(event) + ' compaction';

			rows.push(['before', which, sampleParts(pool.meta, before)]);
			rows.push(['after', which, sampleParts(pool.meta, after)]);
		}
		return rows;
	}

	drawStory() {
		const { pool } = this, m = pool.meta, parts = pool.parts(), event = this.event();
		const rows = this.barRows();
		const more = parts.all - parts.live;
		const lines = [parts.live ? `${plural(pool.objs, 'object')}, ${size(parts.live)} ` +
			`together, lie in ${plural(parts.all / m.page_size, 'page')}, ` +
			`${size(parts.all)}: ${percent(more, parts.live)} more than they need.` :
			`No object; ${plural(parts.all / m.page_size, 'page')}.`];

		if (more)
			lines.push('Why more: ' + PARTS.slice(1).filter(([key]) => parts[key])
				.sort((a, b) => parts[b[0]] - parts[a[0]])
				.map(([key, , what]) => `${percent(parts[key], more)} of the difference, ` +
					`${size(parts[key])}, is ${what}`).join('; ') + '.');
		if (m.profile === 'user') {
			const last = pool.samples.filter(s => s.ops <= pool.ops).pop();

			lines.push('In this profile a page of a zspage takes memory from its first use ' +
				`on: ${plural(last.pages, 'page')} ${last.pages === 1 ? 'has' : 'have'} been ` +
				`used, after operation ${num(last.ops)}.`);
		}
		lines.push(this.couldText());
		if (event) {
			const which = this.which(event);
			const past = which === 'last' || (which === 'this' && !this.inMoves());

			lines.push(`${{ next: 'The next', 'this': 'This', last: 'The last' }[which]} ` +
				`compaction (operation ${num(event.ops_before + 1)}) ` +
				doesText(event, past, m.profile === 'user'));
		}
		this.story.replaceChildren();
		for (const text of lines)
			html('li', {}, this.story, text);
		/* Two pools have one scale, and all steps. */
		view.mostPages = Math.max(view.mostPages, ...rows.map(row => row[2].all));
		drawBars(this.bars, rows, m.page_size, view.mostPages);
	}

	/* What compaction could do about it now, and why not more: free places that are fewer
	 * than one zspage has stay. */
	couldText() {
		const { pool } = this, { czspages, cinuse } = pool.s;
		let few = 0, bytes = 0;

		pool.meta.classes.forEach((cl, c) => {
			const rest = (czspages[c] * cl.objs - cinuse[c]) % cl.objs;

			few += rest > 0;
			bytes += rest * cl.size;
		});
		return (pool.freeable() ?
			`Compaction could free ${plural(pool.freeable(), 'page')} now. ` :
			'Compaction could free nothing now. ') +
			(few ? `${size(bytes)} of free places ${pool.freeable() ? 'would ' : ''}stay: in ` +
				(few > 1 ? `each of ${num(few)} classes they are` : 'one class they are') +
				' fewer than one zspage has, and a zspage can only be emptied into free ' +
				'places of others of its class.' : '');
	}

	layoutMap() {
		const { pool } = this, sections = view.by === 'section';
		const width = this.box.clientWidth;

		this.layout = sections ? layoutSections(pool, width) :
			layoutMap(pool, view.by, width, view.zoom, this.stale());
		this.space.style.height = Math.max(this.layout.height, this.box.clientHeight) + 'px';
		this.space.style.width = this.layout.width + 'px';
		this.canvas.style.width = width + 'px';
		this.canvas.style.height = this.box.clientHeight + 'px';
		this.mapHead.textContent = sections ? 'The map: every page, as they lie in memory' :
			'The map: every zspage, as the lists stand';
		for (const b of this.zooms)
			b.hidden = sections;
		this.zspageKey.hidden = sections;
		this.sectionKey.hidden = !sections;
		this.moveKey.hidden = sections;
		for (const b of this.tabs)
			b.setAttribute('aria-pressed', b.dataset.by === view.by);
		this.canvas.setAttribute('aria-label', sections ? 'Pages by section: ' +
			this.layout.lines.filter(l => l.header).map(l => l.header).join(' ') :
			'Zspages: ' + this.layout.lines.filter(l => l.header).slice(0, 20)
				.map(l => l.header).join(' '));
	}

	/* In the middle of a compaction: zspages stand in the lists of before. */
	stale() {
		return this.inMoves() && this.pool.frameKind === 'c' && this.subAt > 0;
	}

	/* What the map marks. */
	marks() {
		const step = this.inMoves() && this.subAt > 0 ? this.steps[this.subAt - 1] : null;
		const marks = { follow: this.followedObject() }, { pool } = this, { n } = pool.s;

		if (step && step.n !== undefined) {
			marks.source = step.fromZ;
			marks.target = step.z;
			marks.moved = step;
		} else if (step && step.page !== undefined) {
			marks.page = step.to;
		} else if (pool.ops === view.ops && pool.frameKind === 'a') {
			marks.moved = { z: pool.s.oz[n[11]], place: pool.s.oplace[n[11]] };
		} else if (pool.ops === view.ops && pool.frameKind === 'f') {
			marks.moved = { fromZ: n[14], fromPlace: n[15] };
		}
		return marks;
	}

	drawMap() {
		if (view.by === 'section') {
			this.rects = [];
			drawSections(this.canvas, this.pool, this.layout, this.box.scrollTop,
				this.marks());
		} else {
			this.rects = drawMap(this.canvas, this.pool, this.layout, this.box.scrollLeft,
				this.box.scrollTop, this.marks());
		}
	}

	/* How many zspages stand before z in its list. */
	standsAt(z) {
		const { zprev } = this.pool.s;
		let at = 0;

		for (let before = zprev[z]; before >= 0; before = zprev[before])
			at++;
		return at;
	}

	/* Of pages by section: the line that has this page. */
	lineOfPage(page) {
		return this.layout.lines.find(l => l.cells && page >= l.page &&
			page < l.page + l.cells.length);
	}

	/* The line of the map that has zspage z, or the page where this place of it begins. */
	lineOf(z, place = 0) {
		const { pool, layout } = this, list = pool.s;

		if (view.by === 'section' && z >= 0)
			return this.lineOfPage(list.page[pool.zpage[z] +
				Math.floor(place * pool.class(z).size / pool.meta.page_size)]);
		if (z < 0 || list.zgroup[z] < 0)
			return undefined;
		const at = this.standsAt(z);
		return layout.lines.find(l => l.c === pool.zclass[z] && l.g === list.zgroup[z] &&
			at >= l.at && at < l.at + l.room);
	}

	inBox(line) {
		const top = this.box.scrollTop;

		return line.y >= top && line.y + line.h <= top + this.box.clientHeight;
	}

	revealLine(line) {
		if (line && !this.inBox(line))
			this.box.scrollTop = Math.max(0, line.y - 60);
		this.scrolledTo = this.box.scrollTop;
	}

	/* Scrolls the map to a place of zspage z. */
	reveal(z, place = 0) {
		const { box, layout, pool } = this, line = this.lineOf(z, place);

		this.revealLine(line);
		if (!line || line.cells)
			return;
		/* Where it is wider than the window: from the names of the lists on. */
		const x = (this.standsAt(z) - line.at) * line.w +
			place * pool.class(z).size / pool.meta.page_size * layout.k;
		if (x < box.scrollLeft || layout.label + x + 40 > box.scrollLeft + box.clientWidth)
			box.scrollLeft = Math.max(0, x - 60);
	}

	isVisible() {
		const n = this.followedObject();
		const { oz, oplace } = this.pool.s;
		const line = n === undefined ? undefined : this.lineOf(oz[n], oplace[n]);

		return !!line && this.inBox(line);
	}

	/* What the reader had in view when the lists changed. Between two moves that is what
	 * moves. */
	keepInView() {
		const n = this.followedObject(), step = this.inMoves() && this.steps[this.subAt - 1];

		this.scrolledTo = this.box.scrollTop;
		if (step && step.page !== undefined && view.by === 'section')
			this.revealLine(this.lineOfPage(step.to));
		else if (step && step.page === undefined)
			this.reveal(step.n === undefined ? step.gone : step.z, step.place);
		else if (this.keep && n !== undefined)
			this.reveal(this.pool.s.oz[n], this.pool.s.oplace[n]);
	}

	/* Where in the map the pointer is: {z, place, what}, or null. */
	pointed(e) {
		const rect = this.rects.find(r => e.offsetX >= r.x && e.offsetX < r.x + r.w &&
			e.offsetY >= r.y && e.offsetY < r.y + r.h);

		if (!rect)
			return null;
		const c = this.pool.class(rect.z), all = c.pages * this.pool.meta.page_size;
		const place = Math.floor((e.offsetX - rect.x) / rect.w * all / c.size);
		const what = place < c.objs ? this.pool.s.slot[this.pool.zbase[rect.z] + place] : -1;

		return { z: rect.z, place, what };
	}

	pointedText(at) {
		if (!at)
			return '';
		const { pool } = this, c = pool.class(at.z);

		return `zspage ${at.z}, class ${c.index}: ${pool.s.zinuse[at.z]} of ${c.objs} places ` +
			'in use' + (at.what < 0 ? '' : `; place ${at.place}: ` + (at.what < SLOT_OBJECT ?
				'free' : `object ${pool.s.oid[at.what - SLOT_OBJECT]}`));
	}

	click(e) {
		const at = this.pointed(e);

		if (at && at.what >= SLOT_OBJECT)
			followObject(this.pool, at.what - SLOT_OBJECT);
	}
}
