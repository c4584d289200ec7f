/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* follow.js - one object that is followed: its handle, its word bit by bit, its zspage, and
 * where it was and goes to.
 */

/* ---- addresses --------------------------------------------------------------------- */

const base = meta => meta.word_bits === 64 ? 0x7f0000000000n : 0x40000000n;
const hex = (n, digits = 0) => '0x' + n.toString(16).padStart(digits, '0');
const pageAddress = (meta, page) => base(meta) + BigInt(page) * BigInt(meta.page_size);
const handleOf = (meta, word) => base(meta) + BigInt(word) * 4n;

/* The obj word of an object at a place, and its parts from the top:
 * [name, look, bits, value]. */
function objWord(pool, z, place) {
	const m = pool.meta, c = pool.class(z);
	const start = place * c.size, nr = Math.floor(start / m.page_size);
	const page = pool.s.page[pool.zpage[z] + nr];
	const pfn = pageAddress(m, page) / BigInt(m.page_size);

	if (!m.pfn_shift) {
		const address = (pageAddress(m, pool.s.page[pool.zpage[z]]) +
			BigInt(start - (c.huge ? 8 : 0))) / 8n;
		const word = BigInt(c.index) << BigInt(m.class_shift) | address;

		return { word, page, nr, parts: [['pins', 'box', 9, 0n],
			['class index', 'cls', 64 - 9 - m.class_shift, BigInt(c.index)],
			['address / 8', 'pfn', m.class_shift, address]] };
	}
	const classBits = m.class_shift ? Math.min(9, m.pfn_shift - m.class_shift) : 0;
	const word = pfn << BigInt(m.pfn_shift) | BigInt(place) |
		(m.class_shift ? BigInt(c.index) << BigInt(m.class_shift) : 0n);
	const parts = [['PFN: page frame number', 'pfn', m.word_bits - m.pfn_shift, pfn]];

	if (m.class_shift) {
		if (m.pfn_shift - m.class_shift > classBits)
			parts.push(['', 'box', m.pfn_shift - m.class_shift - classBits, 0n]);
		parts.push(['class index', 'cls', classBits, BigInt(c.index)]);
	}
	parts.push(['object index', 'idx', m.class_shift || m.pfn_shift, BigInt(place)]);
	return { word, page, nr, parts };
}

Object.assign(PoolView.prototype, {
	/* The number of the object that is followed, if it is live here. */
	followedObject() {
		const { oz, oid, oborn } = this.pool.s, follow = view.follow;

		if (!follow)
			return undefined;
		if (oz[follow.n] >= 0 && oid[follow.n] === follow.id && oborn[follow.n] === follow.born)
			return follow.n;
		for (let n = 0; n < oz.length; n++)
			if (oz[n] >= 0 && oid[n] === follow.id && oborn[n] === follow.born)
				return n;
		return undefined;
	},

	drawFollowed() {
		const e = this.followed, { pool } = this, m = pool.meta, n = this.followedObject();

		e.replaceChildren();
		html('h2', {}, e, view.missing ? `No object followed: ID ${view.missing.id}` :
			view.follow ? `One object followed: ID ${view.follow.id}` :
			'One object followed');
		if (n === undefined) {
			const text = view.missing ? `No object with this ID was live at operation ` +
				`${num(view.missing.ops)}. Go to an operation where it is live, and type ` +
				'it again.' :
				!view.follow ? 'Click an object in the map, or press N: you see its ' +
				'handle, the word behind it, its page and its zspage. Step on, and it stays ' +
				'marked.' :
				pool.ops < view.follow.born ? 'It is not allocated yet: that happens in ' +
				`operation ${num(view.follow.born)}.` : 'It has been freed. It was allocated in operation ' +
				`${num(view.follow.born)}.`;

			html('p', {}, e, text);
			this.lastPlace = null;
			return;
		}
		const z = pool.s.oz[n], place = pool.s.oplace[n], c = pool.class(z);
		const obj = objWord(pool, z, place), handle = handleOf(m, pool.s.ohandle[n]);
		const show = html('button', { 'class': 'show' }, e.firstChild, 'show in the map');

		show.onclick = () => showFollowed();
		const dl = html('dl', { 'class': 'facts' }, e);
		const fact = (name, text, id) => {
			html('dt', {}, dl, name);
			html('dd', id ? { id: id + '-' + this.nr } : {}, dl, text);
		};

		fact('handle', `${hex(handle)}, the address of the handle word`, 'handle');
		fact('handle word', `${hex(obj.word, m.word_bits / 4)}, the obj: where the object is`,
			'obj');
		e.append(drawWord(obj, m));
		fact('page', `PFN ${hex(pageAddress(m, obj.page) / BigInt(m.page_size))}: page ` +
			`${obj.page % (m.section_bytes / m.page_size)} of section ` +
			`${Math.floor(obj.page / (m.section_bytes / m.page_size))}; the object starts ` +
			`${num(place * c.size % m.page_size)} bytes into it`, 'page');
		fact('zspage', `number ${z}, ${plural(c.pages, 'page')}, ` +
			`${pool.s.zinuse[z]} of ${c.objs} places in use, ` + (pool.s.zgroup[z] < 0 ?
				'in no list' : this.stale() && !isAsListed(pool, z) ?
				`in the list of ${groupText(pool.s.zgroup[z])} until its class is done` :
				`fullness group ${groupText(pool.s.zgroup[z])}`), 'zspage');
		fact('place', `${place}, where places count from 0 to ${c.objs - 1}; class ${c.index}, ` +
			`${num(c.size)} bytes for ${num(pool.s.osize[n])} asked for`, 'place');
		fact('first word', c.huge ? (m.pfn_shift ? 'in the page descriptor: huge class' :
			'in the head of the section: huge class') :
			`${hex(handle | 1n)}: the handle | 1`);
		e.append(drawBig(pool, z, n));
		html('p', { id: 'moved-' + this.nr }, e, this.movedText(n, hex(handle)));
		this.lastPlace = { id: view.follow.id, born: view.follow.born, z, place,
			ops: pool.ops };
	},

	/* Where object n came from, or goes to: by the moves of this compaction, else by where
	 * it was when it was shown last. */
	movedText(n, handle) {
		const { pool, lastPlace: last } = this, z = pool.s.oz[n], place = pool.s.oplace[n];
		const moves = (this.steps || []).map((step, i) => [step, i])
			.filter(([step]) => step.n === n);
		const done = moves.filter(([, i]) => i < this.subAt).pop(), next = moves[0];
		const was = (from, fromZ) => `Moved: from place ${from} of zspage ${fromZ} to place ` +
			`${place} of zspage ${z}. The word stored at the handle has ` +
			`changed, the handle is the same: ${handle}.`;
		const will = (to, toZ) => `Will move to place ${to} of zspage ${toZ}. Then the word ` +
			`stored at the handle changes, the handle stays the same: ${handle}.`;

		if (done)
			return was(done[0].fromPlace, done[0].fromZ);
		if (next)
			return will(next[0].place, next[0].z);
		if (!last || last.id !== view.follow.id || last.born !== view.follow.born ||
			(last.z === z && last.place === place))
			return '';
		return last.ops < pool.ops ? was(last.place, last.z) : will(last.place, last.z);
	},
});

/* ---- pictures of the followed object ------------------------------------------------------ */

function drawWord(obj, meta, pen) {
	const w = 470, bit = (w - 2) / meta.word_bits;
	const s = svg('svg', { viewBox: `0 0 ${w} 78`, 'class': 'obj-word', role: 'img' });
	let x = 1, top = meta.word_bits;

	pen ||= new SvgPen(s);
	s.setAttribute('aria-label', 'The obj bit by bit: ' + obj.parts.filter(p => p[0])
		.map(([name, , bits, value]) => `${name}, ${bits} bits: ${value}`).join('; '));
	for (const [name, look, bits, value] of obj.parts) {
		const width = bits * bit, binary = value.toString(2).padStart(bits, '0');

		pen.rect(look, x, 18, width, 26);
		for (let i = 0; i < bits; i++)
			pen.text(binary[i], x + (i + .5) * bit, 35, { align: 'center', size: 8.5,
				mono: true, colour: binary[i] === '1' ? 'ink' : 'dim' });
		pen.text(String(top - 1), x, 13, { size: 10, colour: 'dim' });
		if (!name)
			pen.text('unused', x + width / 2, 58, { align: 'center', size: 10,
				colour: 'dim' });
		if (name) {
			pen.text(name.length * 6 > width ? name.replace(/:.*| index/, '') : name,
				x + width / 2, 58, { align: 'center', size: 11 });
			pen.text(bits > 16 ? hex(value) : String(value), x + width / 2, 72,
				{ align: 'center', size: 11, mono: true });
		}
		x += width;
		top -= bits;
	}
	pen.text('0', x - 6, 13, { size: 10, colour: 'dim' });
	return s;
}

/* The object's zspage, large. */
function drawBig(pool, z, n) {
	const c = pool.class(z), all = c.pages * pool.meta.page_size, w = 470;
	const s = svg('svg', { viewBox: `-4 0 ${w + 8} 72`, 'class': 'big', role: 'img' });
	const pen = new SvgPen(s), k = w / all;

	s.setAttribute('aria-label', `Zspage ${z}: place ${pool.s.oplace[n]} is marked`);
	drawZspage(pen, pool, z, 0, 18, 28, k, { follow: n });
	for (let p = 0; p < c.pages; p++)
		pen.text(`page ${p}`, p * pool.meta.page_size * k + 3, 62, { size: 10, colour: 'dim' });
	return s;
}
