/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* state.js - reads a record (tools/record.h) and has the state of the pool after any
 * number of operations. Copies of the state, made on the way, are where a way back
 * begins.
 */

const FRAME = 0, END = 1, ALLOC = 2, FREE = 3, NEW = 4, GONE = 5, MOVE = 6, KEEP = 7,
	CLEAR = 8, GROUP = 9, PAGE = 10, CHAIN = 11, ORDER = 12;
const GROUPS = 12;
const SLOT_FREE = 0, SLOT_KEPT = 1, SLOT_OBJECT = 2;
/* Operations from a copy that is made on the way to the state that is wanted. */
const NEAR = 1500;
/* Bytes that all copies may take. */
const COPIES = 128 << 20;

async function unpack(id) {
	const text = $(id).textContent, raw = atob(text);
	const bytes = new Uint8Array(raw.length);

	for (let i = 0; i < raw.length; i++)
		bytes[i] = raw.charCodeAt(i);
	$(id).remove();
	const stream = new Blob([bytes]).stream()
		.pipeThrough(new DecompressionStream('deflate'));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* Numbers of 7 bits in a byte, the low ones first. */
class Numbers {
	constructor(bytes) {
		this.bytes = bytes;
		this.pos = 0;
	}
	next() {
		let b = this.bytes[this.pos++], value = b & 0x7f, scale = 128;

		while (b & 0x80) {
			b = this.bytes[this.pos++];
			value += (b & 0x7f) * scale;
			scale *= 128;
		}
		return value;
	}
	signed() {
		const v = this.next();

		return v % 2 ? -(v + 1) / 2 : v / 2;
	}
}

/* The samples: what curves and bars are drawn from. */
function readSamples(numbers, meta) {
	const samples = [], classes = new Array(2 * meta.classes.length).fill(0);
	const perSection = meta.section_bytes / meta.page_size;

	for (let nr = numbers.next(); nr; nr--) {
		const s = { ops: numbers.next(), event: numbers.next(), live: numbers.next(),
			used: numbers.next(), objs: numbers.next(), pages: numbers.next(),
			freeable: numbers.next(), slabs: numbers.next(),
			resident: numbers.next(), free: numbers.next() };

		for (let i = 0; i < classes.length; i++)
			classes[i] += numbers.signed();
		s.classes = Uint32Array.from(classes);
		const sections = numbers.next();
		if (sections) {
			s.use = new Uint8Array((sections - 1) * perSection);
			for (let at = 0; at < s.use.length;) {
				const run = numbers.next(), use = numbers.next();

				s.use.fill(use, at, at + run);
				at += run;
			}
		}
		samples.push(s);
	}
	return samples;
}

class Pool {
	constructor(meta, stream, other) {
		const numbers = new Numbers(other);

		this.meta = meta;
		this.stream = stream;
		this.zclass = new Uint16Array(numbers.next());
		for (let z = 0; z < this.zclass.length; z++)
			this.zclass[z] = numbers.next();
		this.samples = readSamples(numbers, meta);
		this.zbase = new Int32Array(this.zclass.length);
		this.zpage = new Int32Array(this.zclass.length);
		let places = 0, pages = 0;
		for (let z = 0; z < this.zclass.length; z++) {
			const c = meta.classes[this.zclass[z]];

			this.zbase[z] = places;
			this.zpage[z] = pages;
			places += c.objs;
			pages += c.pages;
		}
		const nz = this.zclass.length, no = meta.objects, nc = meta.classes.length;
		/* What changes; all typed arrays are copied. */
		this.s = {
			oz: new Int32Array(no).fill(-1), oplace: new Uint32Array(no),
			oid: new Uint32Array(no), osize: new Uint32Array(no),
			ohandle: new Uint32Array(no), oborn: new Uint32Array(no),
			zlive: new Uint8Array(nz), zgroup: new Int8Array(nz).fill(-1),
			zinuse: new Uint32Array(nz), znext: new Int32Array(nz).fill(-1),
			zprev: new Int32Array(nz).fill(-1), zfree: new Int32Array(nz).fill(-1),
			slot: new Int32Array(places), link: new Int32Array(places),
			page: new Uint32Array(pages), head: new Int32Array(nc * GROUPS).fill(-1),
			czspages: new Uint32Array(nc), cinuse: new Uint32Array(nc),
			/* pos, ops, line, lastId, lastHandle, objs, live, used, last frame:
			 * its operations, kind, start, the object, its ID, its size, where a
			 * freed one was: zspage, place */
			n: new Float64Array(16),
		};
		const bytes = Object.values(this.s).reduce((sum, a) => sum + a.byteLength, 0);
		const most = Math.max(4, Math.min(64, Math.floor(COPIES / bytes)));
		this.apart = Math.max(500, Math.ceil(meta.ops / most));
		this.copies = [this.copy()];
		this.near = null;
		this.partial = false;
		/* What the last frame moved, in order: {at, n, z, place, fromZ, fromPlace}, {at,
		 * gone: z}, or {at, page: z, which, to}. `at`: how many of its records are done
		 * then. */
		this.steps = [];
		/* The zspage that the last record freed, where only a part of a frame is shown:
		 * it still stands in its list. */
		this.ghost = -1;
		/* The zspage that the last frame made, if it was one operation; -1. */
		this.made = -1;
		/* Pages of the largest zspage that there ever is. */
		this.widest = Math.max(1, ...new Set(this.zclass.map(c => meta.classes[c].pages)));
	}

	get pos() { return this.s.n[0]; }
	get ops() { return this.s.n[1]; }
	get line() { return this.s.n[2]; }
	get objs() { return this.s.n[5]; }
	get live() { return this.s.n[6]; }
	get used() { return this.s.n[7]; }
	get frameOps() { return this.s.n[8]; }
	get frameKind() { return String.fromCharCode(this.s.n[9]); }
	get frameStart() { return this.s.n[10]; }

	copy() {
		const c = {};

		for (const k in this.s)
			c[k] = this.s[k].slice();
		return c;
	}

	restore(copy) {
		for (const k in copy)
			this.s[k].set(copy[k]);
	}

	/* How many operations the frame at pos has; NaN: there is none. */
	peek() {
		const numbers = new Numbers(this.stream);

		numbers.pos = this.pos;
		if (numbers.pos >= this.stream.length)
			return NaN;
		const code = numbers.next();
		return code & 1 ? 1 : numbers.next();
	}

	/* To the state after `ops` operations, or after the last frame before that. What the
	 * last frame moved is in `steps` then. `sub`: of the frame that ends there, so many
	 * records only (a compaction, move by move); `steps` stays as it was. */
	seek(ops, sub) {
		const all = this.near ? [this.near, ...this.copies] : this.copies;
		const { steps, made } = this;
		let best = this.copies[0];

		if (sub === undefined && !this.partial && this.ops === ops && ops)
			return;
		for (const copy of all)
			if (copy.n[1] < ops && copy.n[1] > best.n[1])
				best = copy;
		if (this.partial || this.ops >= ops || this.ops < best.n[1])
			this.restore(best);
		this.partial = false;
		this.ghost = -1;
		/* A copy not far before, as steps back come one after the other. */
		const near = ops - this.ops > 4 * NEAR ? ops - NEAR : Infinity;
		for (let next = this.peek(); this.ops + next <= ops; next = this.peek()) {
			if (sub !== undefined && this.ops + next === ops && next) {
				this.partial = !this.apply(sub);
				if (this.partial)
					break;
				continue;
			}
			if (this.ops <= near && this.ops + next > near)
				this.near = this.copy();
			this.apply();
			const last = this.copies[this.copies.length - 1].n[1];
			if (this.ops >= last + this.apart)
				this.copies.push(this.copy());
		}
		if (sub !== undefined) {
			this.steps = steps;
			this.made = made;
		}
	}

	unlist(z) {
		const { zgroup, znext, zprev, head } = this.s;

		if (zgroup[z] < 0)
			return;
		if (zprev[z] >= 0)
			znext[zprev[z]] = znext[z];
		else
			head[this.zclass[z] * GROUPS + zgroup[z]] = znext[z];
		if (znext[z] >= 0)
			zprev[znext[z]] = zprev[z];
		zgroup[z] = -1;
	}

	list(z, group) {
		const { zgroup, znext, zprev, head } = this.s;
		const at = this.zclass[z] * GROUPS + group;

		this.unlist(z);
		zgroup[z] = group;
		zprev[z] = -1;
		znext[z] = head[at];
		if (head[at] >= 0)
			zprev[head[at]] = z;
		head[at] = z;
	}

	take(z, place, what) {
		const { slot, link, zfree, zinuse, cinuse } = this.s, base = this.zbase[z];

		if (slot[base + place] === SLOT_FREE) {
			zinuse[z]++;
			cinuse[this.zclass[z]]++;
			let at = zfree[z], last = -1;
			for (; at >= 0 && at !== place; at = link[base + at])
				last = at;
			if (at === place && last < 0)
				zfree[z] = link[base + place];
			else if (at === place)
				link[base + last] = link[base + place];
		}
		slot[base + place] = what;
	}

	clear(z, place) {
		const { slot, link, zfree, zinuse, cinuse, oz } = this.s, base = this.zbase[z];
		const what = slot[base + place];

		if (what === SLOT_FREE)
			return;
		if (what >= SLOT_OBJECT && oz[what - SLOT_OBJECT] === z &&
			this.s.oplace[what - SLOT_OBJECT] === place)
			this.forget(what - SLOT_OBJECT);
		slot[base + place] = SLOT_FREE;
		link[base + place] = zfree[z];
		zfree[z] = place;
		zinuse[z]--;
		cinuse[this.zclass[z]]--;
	}

	forget(n) {
		const { oz, osize, n: numbers } = this.s;

		numbers[5]--;
		numbers[6] -= osize[n];
		numbers[7] -= this.meta.classes[this.zclass[oz[n]]].size;
		oz[n] = -1;
	}

	/* Applies one frame; or, of its records, the first `sub`. Return: all of them? */
	apply(sub) {
		const { s, meta } = this, bytes = this.stream;
		let pos = s.n[0], single = 0, count = 0, kind = 97, ops = 1, lines = 1;
		const start = s.n[1];
		let made = -1;
		const steps = sub === undefined ? [] : null;
		const next = () => {
			let b = bytes[pos++];
			if (b < 0x80)
				return b;
			let value = b & 0x7f, scale = 128;
			do {
				b = bytes[pos++];
				value += (b & 0x7f) * scale;
				scale *= 128;
			} while (b & 0x80);
			return value;
		};
		const signed = () => {
			const v = next();
			return v % 2 ? -(v + 1) / 2 : v / 2;
		};

		for (;;) {
			const code = next(), word = code >> 1;

			single = code & 1;
			if (word === END)
				break;
			if (word === FRAME) {
				ops = next();
				kind = next();
				lines = next();
				continue;
			}
			if (count++ >= sub)
				return this.partially(start, ops, kind);
			switch (word) {
			case ALLOC: {
				const n = next();

				s.oid[n] = s.n[3] += signed();
				s.osize[n] = next();
				s.ohandle[n] = s.n[4] += signed();
				const z = next(), place = next(), group = next();
				s.oz[n] = z;
				s.oplace[n] = place;
				s.oborn[n] = start + 1;
				s.n[11] = n;
				s.n[12] = s.oid[n];
				s.n[13] = s.osize[n];
				s.n[5]++;
				s.n[6] += s.osize[n];
				s.n[7] += meta.classes[this.zclass[z]].size;
				this.take(z, place, n + SLOT_OBJECT);
				if (group)
					this.list(z, group - 1);
				break;
			}
			case FREE: {
				const n = next(), group = next(), z = s.oz[n];

				kind = kind === 97 ? 102 : kind;
				s.n[11] = n;
				s.n[12] = s.oid[n];
				s.n[13] = s.osize[n];
				s.n[14] = z;
				s.n[15] = s.oplace[n];
				this.clear(z, s.oplace[n]);
				if (group)
					this.list(z, group - 1);
				break;
			}
			case NEW: {
				const z = next(), c = this.zclass[z], objs = meta.classes[c].objs;

				made = z;
				s.zlive[z] = 1;
				s.zinuse[z] = 0;
				s.zfree[z] = 0;
				for (let i = 0; i < objs; i++) {
					s.slot[this.zbase[z] + i] = SLOT_FREE;
					s.link[this.zbase[z] + i] = i + 1 < objs ? i + 1 : -1;
				}
				for (let i = 0; i < meta.classes[c].pages; i++)
					s.page[this.zpage[z] + i] = next();
				s.czspages[c]++;
				break;
			}
			case GONE: {
				const z = next(), c = this.zclass[z];

				if (steps)
					steps.push({ at: count, gone: z });
				for (let i = 0; s.zinuse[z] && i < meta.classes[c].objs; i++)
					this.clear(z, i);
				if (count === sub)
					this.ghost = z;
				else
					this.unlist(z);
				s.zlive[z] = 0;
				s.czspages[c]--;
				break;
			}
			case MOVE: {
				const n = next(), z = next(), place = next();
				const from = s.oz[n], old = s.oplace[n];

				if (steps)
					steps.push({ at: count, n, z, place, fromZ: from, fromPlace: old });
				this.take(z, place, n + SLOT_OBJECT);
				s.oz[n] = z;
				s.oplace[n] = place;
				if (s.slot[this.zbase[from] + old] === n + SLOT_OBJECT)
					this.clear(from, old);
				break;
			}
			case KEEP: {
				const z = next();

				this.take(z, next(), SLOT_KEPT);
				break;
			}
			case CLEAR: {
				const z = next();

				this.clear(z, next());
				break;
			}
			case GROUP: {
				const z = next();

				this.list(z, next());
				break;
			}
			case PAGE: {
				const z = next(), which = next(), to = next();

				if (steps)
					steps.push({ at: count, page: z, which, to });
				s.page[this.zpage[z] + which] = to;
				break;
			}
			case CHAIN: {
				const z = next(), base = this.zbase[z];
				let last = -1;

				s.zfree[z] = -1;
				for (let nr = next(); nr; nr--) {
					const place = next();

					if (last < 0)
						s.zfree[z] = place;
					else
						s.link[base + last] = place;
					s.link[base + place] = -1;
					last = place;
				}
				break;
			}
			case ORDER: {
				next();
				for (let nr = next(); nr; nr--) {
					const z = next();

					this.list(z, next());
				}
				break;
			}
			default:
				throw new Error('the record cannot be read at byte ' + pos);
			}
			if (single)
				break;
		}
		s.n[0] = pos;
		s.n[1] += ops;
		s.n[2] += lines;
		if (ops) {
			s.n[8] = ops;
			s.n[9] = kind;
			s.n[10] = start;
			if (steps) {
				this.steps = steps;
				this.made = ops === 1 ? made : -1;
			}
		}
		return true;
	}

	/* In the middle of a frame: shown as at its end. */
	partially(start, ops, kind) {
		const n = this.s.n;

		n[1] += ops;
		n[8] = ops;
		n[9] = kind;
		n[10] = start;
		return false;
	}

	/* ---- figures ---- */

	class(z) { return this.meta.classes[this.zclass[z]]; }

	/* Where the bytes of all pages of zspages are. */
	parts() {
		return partsOf(this.meta, this.s.czspages, this.s.cinuse, this.live, this.used);
	}

	freeable() {
		return this.meta.classes.reduce((sum, c, i) => sum +
			freeableOf(c, this.s.czspages[i], this.s.cinuse[i]), 0);
	}
}

function freeableOf(c, zspages, inuse) {
	return Math.floor((zspages * c.objs - inuse) / c.objs) * c.pages;
}

/* `used`: class sizes of live objects; what is kept counts as free here. */
function partsOf(meta, zspages, inuse, live, used) {
	let all = 0, places = 0;

	meta.classes.forEach((c, i) => {
		all += zspages[i] * c.pages;
		places += zspages[i] * c.objs * c.size;
	});
	all *= meta.page_size;
	return { all, live, rounding: Math.max(0, used - live), free: Math.max(0, places - used),
		tail: Math.max(0, all - places) };
}

function sampleParts(meta, s) {
	const zspages = [], inuse = [];

	meta.classes.forEach((c, i) => {
		zspages.push(s.classes[2 * i]);
		inuse.push(s.classes[2 * i + 1]);
	});
	return partsOf(meta, zspages, inuse, s.live, s.used);
}
