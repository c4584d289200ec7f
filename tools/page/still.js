/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* still.js - still pictures of what the viewer shows, for the documentation. Not in the
 * viewer's page: scripts/draw-pictures puts it there. Each function returns the text of
 * an SVG file.
 */

/* The kernel's names of fullness groups: by their upper bounds. */
const GROUP_NAMES = ['empty', '10 %', '20 %', '30 %', '40 %', '50 %', '60 %', '70 %',
	'80 %', '90 %', '99 %', 'full'];

/* The page's colours that a picture uses, in light and dark. */
function stillStyle(text) {
	const used = [...new Set(text.match(/var\(--[a-z-]+\)/g))].map(v => v.slice(4, -1));
	const rules = [];

	for (const rule of document.styleSheets[0].cssRules) {
		const inner = rule.media ? rule.cssRules[0] : rule;

		if (inner.selectorText !== ':root')
			continue;
		const vars = used.map(v => `${v}: ${inner.style.getPropertyValue(v).trim()}`).join('; ');
		rules.push(rule.media ? `@media ${rule.media.mediaText} { svg { ${vars} } }` :
			`svg { ${vars} }`);
	}
	return rules.join('\n') + '\nsvg { font-family: system-ui, "DejaVu Sans", sans-serif }';
}

function still(w, h, label, draw) {
	const s = svg('svg', { xmlns: SVG, viewBox: `0 0 ${w} ${h}`, width: w, height: h,
		role: 'img', 'aria-label': label });
	const style = svg('style', {}, s);

	nrPatterns = 0;
	svg('rect', { width: w, height: h, fill: 'var(--bg)' }, s);
	draw(new SvgPen(s), s);
	style.textContent = '\n' + stillStyle(s.outerHTML) + '\n';
	return '<?xml version="1.0" encoding="UTF-8"?>\n' +
		'<!-- SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later -->\n' +
		'<!-- Made by scripts/draw-pictures. -->\n' +
		new XMLSerializer().serializeToString(s).replace(/></g, '>\n<') + '\n';
}

/* IDs of the objects into a zspage that was drawn. */
function stillIds(pen, pool, z, x, y, k, moved) {
	const c = pool.class(z);

	for (let i = 0; i < c.objs; i++) {
		const what = pool.s.slot[pool.zbase[z] + i], at = x + (i + .5) * c.size * k;

		if (what >= SLOT_OBJECT)
			pen.text(String(pool.s.oid[what - SLOT_OBJECT]), at, y, { align: 'center',
				size: 12, bold: true, colour: what - SLOT_OBJECT === moved ? 'bg' : 'ink' });
	}
}

/* Through points [x, y...], with a tip at the last, unless `plain`. */
function stillArrow(s, points, dashed, plain) {
	const p = [], [x0, y0, x, y] = points.slice(-4);
	const dx = Math.sign(x - x0), dy = Math.sign(y - y0);
	const back = (side, to) => `${x - 7 * dx + 4 * side * dy} ${y - 7 * dy + 4 * side * dx}${to}`;

	for (let i = 0; i < points.length; i += 2)
		p.push(`${points[i]} ${points[i + 1]}`);
	svg('path', { d: `M${p.join('L')}` + (plain ? '' :
		`M${back(1, 'L')}${x} ${y}L${back(-1, '')}`), fill: 'none',
		stroke: 'var(--strong)', ...(dashed ? { 'stroke-dasharray': '5 3' } : {}) }, s);
}

/* All that the followed object's handle leads to, and back. */
function stillWhole() {
	const pool = lead(), m = pool.meta, s0 = pool.s, n = view.pools[0].followedObject();
	const z = s0.oz[n], place = s0.oplace[n], c = pool.class(z), cls = pool.zclass[z];
	const obj = objWord(pool, z, place), handle = handleOf(m, s0.ohandle[n]);
	const page = m.page_size, base = pool.zbase[z];
	/* The pages lie apart. */
	const left = 40, wide = 280, apart = 300, k = wide / page;
	const xOf = at => left + Math.floor(at / page) * apart + at % page * k;

	return still(960, 700, 'A handle is the address of its handle word. The word holds the obj: ' +
		'page number, class index, object index. They lead to the page descriptor and to the ' +
		'object in the pages of a zspage. The class has a list of zspages for each fullness ' +
		'group.', (pen, s) => {
		const text = (words, x, y, opt = {}) => pen.text(words, x, y, { size: 12, ...opt });
		const dim = (words, x, y, opt = {}) => text(words, x, y, { colour: 'dim', ...opt });
		const code = (words, x, y, opt = {}) => text(words.replace(/ {2}/g, '\u00a0\u00a0'), x,
			y, { mono: true, size: 11, ...opt });
		const head = (bold, more, x, y) => {
			const t = svg('text', { x, y, 'font-size': 13, style: 'fill:var(--ink)' }, s);

			svg('tspan', { 'font-weight': 'bold' }, t, bold);
			svg('tspan', { dx: 8, style: 'fill:var(--dim)' }, t, more);
		};

		head('1 handle', 'what the caller keeps', 40, 28);
		pen.rect('word0', 40, 38, 210, 30);
		code(hex(handle), 145, 58, { align: 'center', size: 13 });
		stillArrow(s, [250, 53, 378, 53]);
		dim('is the address of', 314, 46, { align: 'center' });
		head('2 handle word', `${m.word_bits / 8} bytes in a slab; holds the obj`, 380, 28);
		pen.rect('box', 380, 38, 210, 30);
		code(hex(obj.word, m.word_bits / 4), 485, 58, { align: 'center', size: 13 });
		stillArrow(s, [485, 68, 485, 114]);
		dim('The handle never changes. When the object moves,', 610, 50);
		dim('a new obj is written to the handle word.', 610, 66);

		head('3 obj', 'where the object is now', 40, 108);
		dim(`scope ${m.scope}, pages of ${page} bytes, at most ${m.chain_size} in a zspage`,
			928, 108, { align: 'right' });
		let x = 32, top = m.word_bits;
		for (const [name, look, bits, value] of obj.parts) {
			const w = bits * 896 / m.word_bits, middle = { align: 'center' };

			pen.rect(look, x, 116, w, 42);
			text(bits > 16 ? 'PFN: address of the page / page size' : name || 'unused',
				x + w / 2, 134, middle);
			code(bits > 16 ? hex(value) : String(value), x + w / 2, 151, middle);
			dim(String(top - 1), x + 2, 172);
			dim(String(top - bits), x + w - 2, 172, { align: 'right' });
			if (name === 'class index')
				stillArrow(s, [x + w / 2, 158, x + w / 2, 216, 630, 216, 630, 446]);
			x += w;
			top -= bits;
		}

		const mine = left + obj.nr * apart;
		stillArrow(s, [mine + 140, 158, mine + 140, 234]);
		head('4 page descriptors', '(struct zpdesc), one for each page', mine + 160, 200);
		for (let p = 0; p < c.pages; p++) {
			const at = left + p * apart;

			pen.rect(p === obj.nr ? 'pfn' : 'box', at, 236, wide, 44);
			code(`first_obj_offset ${Math.ceil(p * page / c.size) * c.size - p * page}`,
				at + 10, 254);
			code(`class ${c.index}  zspage`, at + 10, 272);
			code(p + 1 < c.pages ? 'next' : 'no next', at + wide - 10, 254, { align: 'right' });
			if (p + 1 < c.pages)
				stillArrow(s, [at + wide - 6, 250, at + apart, 250]);
		}

		head(`5 pages of ${c.pages > 1 ? 'a zspage' : 'it'}`,
			`hold ${c.objs} objects of ${c.size} bytes`, 40, 314);
		for (let i = 0; i < c.objs; i++) {
			const what = s0.slot[base + i], end = (i + 1) * c.size, live = what >= SLOT_OBJECT;
			const id = live && s0.oid[what - SLOT_OBJECT];

			for (let from = i * c.size; from < end;) {
				const to = Math.min(end, (Math.floor(from / page) + 1) * page);
				const w = (to - from) * k, begins = from === i * c.size;

				pen.rect(!live ? 'free' : what - SLOT_OBJECT === n ? 'idx' : 'box', xOf(from), 324, w,
					50);
				if (begins)
					pen.rect('word0', xOf(from), 324, 14, 50);
				text((live ? `object ${id}` : begins ? `${i}, free` : i) + (begins ? '' : ', rest'),
					xOf(from) + w / 2 + (begins ? 6 : 0), 354, { align: 'center' });
				from = to;
			}
			if (live && what - SLOT_OBJECT !== n)
				continue;
			const word = xOf(i * c.size) + 7;
			if (live) {
				stillArrow(s, [word, 374, word, 402, 14, 402, 14, 53, 38, 53], true);
				dim('first word, if live: handle | 1', 40, 396);
			} else {
				const next = s0.link[base + i];

				stillArrow(s, [word, 374, word, 388], true, true);
				dim('next free index << 1', word + 10, 396);
				dim(`(here ${next} << 1` + (next < 0 ? ', as no other is free)' : ')'), 644, 396);
			}
		}

		head('6 zspage', '(struct zspage)', 40, 436);
		pen.rect('box', 40, 446, 280, 118);
		[['first_zpdesc', 'its first page'], ['list', 'place in a fullness list'],
			['lock', 'readers pin, movers try'], [`inuse ${s0.zinuse[z]}`, 'objects in use'],
			[`freeobj ${s0.zfree[z]}`, 'head of its free list'],
			[`fullness ${s0.zgroup[z]}`, 'its group']].forEach(([name, what], i) => {
			code(name, 50, 466 + 18 * i);
			dim(what, 160, 466 + 18 * i);
		});
		stillArrow(s, [320, 460, 330, 460, 330, 270, 322, 270]);

		head('7 size class', '(struct size_class)', 380, 436);
		pen.rect('cls', 380, 446, 540, 46);
		code(`index ${c.index}  size ${c.size}  pages_per_zspage ${c.pages}  ` +
			`objs_per_zspage ${c.objs}`, 390, 466);
		code(`lock  objs_capacity ${s0.czspages[cls] * c.objs}  ` +
			`objs_inuse ${s0.cinuse[cls]}  fullness_list[${GROUPS}]`, 390, 484);
		dim('fullness lists, named by percent in use; a zspage enters its list at the head; ' +
			'in each: inuse', 380, 518);
		let low = 0;
		for (let g = 0; g < GROUPS; g++) {
			const at = 380 + 45 * g, mid = at + 22;
			let y = 550;

			pen.rect(g === s0.zgroup[z] ? 'cls' : 'box', at, 526, 45, 24);
			text(['0', '10', '20', '30', '40', '50', '60', '70', '80', '90', '99', '100'][g],
				mid, 542, { align: 'center' });
			for (let other = s0.head[cls * GROUPS + g]; other >= 0; other = s0.znext[other]) {
				stillArrow(s, [mid, y, mid, y + 12], false, true);
				pen.rect(other === z ? 'cls' : 'box', at + 4, y + 12, 36, 18);
				text(String(s0.zinuse[other]), mid, y + 25, { align: 'center' });
				if (other === z) {
					stillArrow(s, [320, 552, 350, 552, 350, 660, at - 20, 660, at - 20, y + 21,
						at + 2, y + 21], true);
					dim(`this zspage: ${s0.zinuse[z]} of ${c.objs} in use`, 360, 654);
				}
				y += 30;
			}
			if (y > 550 && !low)
				low = mid;
		}
		stillArrow(s, [low, 612, low, 586]);
		dim('compact: from the emptiest', low, 626, { align: 'center' });
		stillArrow(s, [852, 656, 852, 554]);
		dim('zs_malloc and compact: fill the fullest first', 920, 674, { align: 'right' });
		dim(`All numbers are of a run: ${num(view.ops)} operations on objects of ` +
			`${num(s0.osize[n])} bytes.`, 40, 692);
	});
}

/* The object that is followed: its handle, word, place. */
function stillObject() {
	const pool = lead(), m = pool.meta, n = view.pools[0].followedObject();
	const z = pool.s.oz[n], place = pool.s.oplace[n], c = pool.class(z);
	const obj = objWord(pool, z, place), handle = handleOf(m, pool.s.ohandle[n]);

	return still(700, 330, `The handle of object ${pool.s.oid[n]} leads to a word, its bits ` +
		'to a page and a place in a zspage', (pen, s) => {
		const mono = { mono: true, size: 13, align: 'center' };
		const arrow = (...points) => stillArrow(s, points);

		pen.text('handle', 14, 22, { bold: true });
		pen.rect('box', 14, 30, 190, 28);
		pen.text(hex(handle), 109, 49, mono);
		arrow(206, 44, 292, 44);
		pen.text('is the address of', 250, 38, { align: 'center', size: 10, colour: 'dim' });
		pen.text('handle word: the obj', 296, 22, { bold: true });
		pen.rect('box', 296, 30, 190, 28);
		pen.text(hex(obj.word, m.word_bits / 4), 391, 49, mono);
		arrow(391, 60, 391, 92);
		const word = svg('g', { transform: 'translate(14 86) scale(1.43)' }, s);
		word.append(...drawWord(obj, m).childNodes);
		const k = 660 / (c.pages * m.page_size), y = 252;
		arrow(14 + (obj.nr + .35) * m.page_size * k, 150, 14 + (obj.nr + .35) * m.page_size * k,
			y - 4);
		pen.text(`zspage: ${c.pages} pages, ${c.objs} objects of ${num(c.size)} bytes`, 686,
			y - 16, { align: 'right', bold: true });
		drawZspage(pen, pool, z, 14, y, 34, k, { follow: n });
		stillIds(pen, pool, z, 14, y + 22, k, n);
		for (let p = 0; p < c.pages; p++)
			pen.text(`page ${p}`, 18 + p * m.page_size * k, y + 50, { size: 11,
				colour: 'dim' });
		let x = 14;
		for (const [look, text] of [['use', 'in use; the number is the ID'],
			['word', 'first word: handle | 1'], ['free', 'free']]) {
			pen.rect(look === 'word' ? 'use' : look, x, y + 62, 22, 11);
			if (look === 'word')
				pen.rect('word', x, y + 62, 4, 11);
			pen.text(text, x + 28, y + 72, { size: 11 });
			x += 60 + text.length * 6.2;
		}
	});
}

/* The compaction that the state is behind, of one class, move by move. */
function stillCompaction() {
	const pool = lead(), ops = view.ops, steps = pool.steps;
	const z0 = steps.find(s => s.n !== undefined).z, c = pool.class(z0), cls = pool.zclass[z0];
	const zs = [], rows = [];

	pool.seek(ops, 0);
	for (let g = GROUPS - 1; g >= 0; g--)
		for (let z = pool.s.head[cls * GROUPS + g]; z >= 0; z = pool.s.znext[z])
			zs.push([z, GROUP_NAMES[g]]);
	const w = 880 / zs.length, k = (w - 16) / (c.pages * pool.meta.page_size);
	steps.forEach((step, i) => {
		if (step.n !== undefined)
			rows.push([step, steps[i + 1] && steps[i + 1].gone !== undefined ? steps[i + 1] : null]);
	});
	const h = 74 + rows.length * 62 + 40;
	const text = still(980, h, `Compaction of one class in ${rows.length} moves`, pen => {
		const draw = (y, step) => zs.forEach(([z], i) => {
			const x = 92 + i * w;

			if (!pool.s.zlive[z]) {
				pen.text('freed', x + w / 2 - 8, y + 20, { align: 'center', size: 11,
					colour: 'dim' });
				return;
			}
			drawZspage(pen, pool, z, x, y, 28, k, step ? { follow: step.n } : {});
			stillIds(pen, pool, z, x, y + 19, k, step && step.n);
			if (step && (z === step.fromZ || z === step.z)) {
				pen.rect(z === step.fromZ ? 'source' : 'target', x - 5, y - 5, w - 6, 38);
				pen.text(z === step.fromZ ? 'source' : 'destination', x + w - 13, y + 44,
					{ align: 'right', size: 10, bold: true,
						colour: z === step.fromZ ? 'b' : 'c' });
			}
		});
		zs.forEach(([, group], i) => pen.text(`list ${group}`, 92 + i * w, 20, { size: 12,
			colour: 'dim' }));
		pen.text('before', 80, 46, { align: 'right', bold: true });
		draw(28, null);
		rows.forEach(([step, gone], i) => {
			const y = 90 + i * 62;

			pool.seek(ops, step.at);
			pen.text(`move ${i + 1}`, 80, y + 18, { align: 'right', bold: true });
			draw(y, step);
			if (gone)
				pool.seek(ops, gone.at);
		});
		pool.seek(ops);
		const free = pool.s.czspages[cls] * c.objs - pool.s.cinuse[cls];
		pen.text(`Then it stops: ${free} free places are left, and a zspage has ${c.objs}. ` +
			`${plural(zs.length - pool.s.czspages[cls], 'zspage')} of ` +
			`${plural(c.pages, 'page')} freed.`, 92, h - 14, { size: 12 });
	});
	draw();
	return text;
}
