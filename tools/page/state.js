/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* state.js - reads a record (tools/record.h) and has the state of the pool after any
 * number of operations. Copies of the state, made on the way, are where a way back
 * begins.
 */

const FRAME = 0, END = 1, ALLOC = 2, FREE = 3, NEW = 4, GONE = 5, MOVE = 6, KEEP = 7,
	CLEAR = 8, GROUP = 9, PAGE = 10, CHAIN = 11, ORDER = 12;
const GROUPS = 12;
const SLOT_FREE = 0, SLOT_KEPT = 1, SLOT_OBJECT = 2;
/* What is not 0 where there has been no object, zspage, list yet. */
const NOTHING = { oz: -1, zgroup: -1, znext: -1, zprev: -1, zfree: -1, head: -1 };
/* Operations from a copy that is made on the way to the state that is wanted. */
const NEAR = 1500;
/* Bytes that all copies may take. */
const COPIES = 128 << 20;

class Pool {
	constructor(meta, other) {
		const numbers = new Numbers(other);

		this.meta = meta;
		/* The stream, as soon as it is there. */
		this.input = null;
		this.zclass = new Uint16Array(numbers.next());
		for (let z = 0; z < this.zclass.length; z++)
			this.zclass[z] = numbers.next();
		this.samples = readSamples(numbers, meta);
		/* One more: what is behind the last. */
		this.zbase = new Int32Array(this.zclass.length + 1);
		this.zpage = new Int32Array(this.zclass.length + 1);
		this.csize = Uint32Array.from(meta.classes, c => c.size);
		this.cobjs = Uint32Array.from(meta.classes, c => c.objs);
		let places = 0, pages = 0;
		for (let z = 0; z < this.zclass.length; z++) {
			const c = meta.classes[this.zclass[z]];

			this.zbase[z + 1] = places += c.objs;
			this.zpage[z + 1] = pages += c.pages;
		}
		const nz = this.zclass.length, no = meta.objects, nc = meta.classes.length;
		/* What changes; all typed arrays are copied. */
		this.s = {
			oz: new Int32Array(no), oplace: new Uint32Array(no),
			oid: new Uint32Array(no), osize: new Uint32Array(no),
			ohandle: new Uint32Array(no), oborn: new Uint32Array(no),
			zlive: new Uint8Array(nz), zgroup: new Int8Array(nz),
			zinuse: new Uint32Array(nz), znext: new Int32Array(nz),
			zprev: new Int32Array(nz), zfree: new Int32Array(nz),
			slot: new Int32Array(places), link: new Int32Array(places),
			page: new Uint32Array(pages), head: new Int32Array(nc * GROUPS),
			czspages: new Uint32Array(nc), cinuse: new Uint32Array(nc),
			/* pos, ops, line, lastId, lastHandle, objs, live, used, last frame:
			 * its operations, kind, start, the object, its ID, its size, where a
			 * freed one was: zspage, place; the object freed last, plus 1; how
			 * many objects there have been at a time, and zspages. Of an object
			 * that is not live oplace is the one freed before, plus 1. */
			n: new Float64Array(19),
		};
		for (const k in NOTHING)
			this.s[k].fill(NOTHING[k]);
		const bytes = Object.values(this.s).reduce((sum, a) => sum + a.byteLength, 0);
		const most = Math.max(4, Math.min(64, Math.floor(COPIES / bytes)));
		this.apart = Math.max(500, Math.ceil(meta.ops / most));
		this.copies = [this.copy()];
		this.near = null;
		this.partial = false;
		/* By the size that was asked for: the class, by the rule (record.h). */
		this.classOf = new Uint16Array(meta.classes.at(-1).size + 1).fill(nc - 1);
		for (let c = nc - 1; c >= 0; c--)
			this.classOf.fill(c, 0, Math.max(0, meta.classes[c].size -
				meta.word_bits / 8 + 1));
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

	/* Of arrays by object, zspage, place and page: as far as there have been any. */
	extent(k) {
		const [objects, zspages] = this.s.n.subarray(17);

		return k[0] === 'o' ? objects : k[0] === 'z' ? zspages :
			k === 'page' ? this.zpage[zspages] :
			k === 'slot' || k === 'link' ? this.zbase[zspages] : this.s[k].length;
	}

	copy() {
		const c = {};

		for (const k in this.s)
			c[k] = this.s[k].slice(0, this.extent(k));
		return c;
	}

	restore(copy) {
		for (const k in copy) {
			this.s[k].set(copy[k]);
			this.s[k].fill(NOTHING[k] || 0, copy[k].length);
		}
	}

	/* How many operations the frame at pos has; NaN: there is none. */
	peek() {
		const { input } = this;

		input.pos = this.pos;
		if (input.pos >= input.bytes.length)
			return NaN;
		return input.next() & 1 ? 1 : input.next();
	}

	/* To the state after `ops` operations, or after the last frame before that. What the
	 * last frame moved is in `steps` then. `sub`: of the frame that ends there, so many
	 * records only (a compaction, move by move); `steps` stays as it was. */
	seek(ops, sub) {
		const all = this.near ? [this.near, ...this.copies] : this.copies;
		const { steps, made } = this;
		let best = this.copies[0];

		/* It stood in its list for one look. (What is partial is not gone on from.) */
		if (this.ghost >= 0 && !this.partial)
			this.unlist(this.ghost);
		this.ghost = -1;
		if (sub === undefined && !this.partial && this.ops === ops && ops)
			return;
		for (const copy of all)
			if (copy.n[1] < ops && copy.n[1] > best.n[1])
				best = copy;
		if (this.partial || this.ops >= ops || this.ops < best.n[1])
			this.restore(best);
		this.partial = false;
		/* A copy not far before, as steps back come one after the other. */
		const near = ops - this.ops > 4 * NEAR ? ops - NEAR : Infinity;
		const last = sub === undefined ? ops : ops - 1;
		let due = this.copies.at(-1).n[1] + this.apart;
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
			this.applyRun(Math.min(last, due, this.ops < near ? near : last));
			if (this.ops >= due) {
				this.copies.push(this.copy());
				due = this.ops + this.apart;
			}
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
		const { oz, oplace, osize, n: numbers } = this.s;

		numbers[5]--;
		numbers[6] -= osize[n];
		numbers[7] -= this.csize[this.zclass[oz[n]]];
		oz[n] = -1;
		oplace[n] = numbers[16];
		numbers[16] = n + 1;
	}

	/* An allocated object. */
	add(n, id, size, handle, z, place, start) {
		const { s } = this, numbers = s.n;

		if (numbers[16] === n + 1)
			numbers[16] = s.oplace[n];
		if (numbers[17] <= n)
			numbers[17] = n + 1;
		s.oid[n] = numbers[3] = id;
		s.osize[n] = size;
		s.ohandle[n] = numbers[4] = handle;
		s.oz[n] = z;
		s.oplace[n] = place;
		s.oborn[n] = start + 1;
		numbers[5]++;
		numbers[6] += size;
		numbers[7] += this.csize[this.zclass[z]];
		numbers[11] = n;
		numbers[12] = id;
		numbers[13] = size;
		this.take(z, place, n + SLOT_OBJECT);
	}

	/* Return: the zspage where it was. */
	free(n) {
		const { s } = this, numbers = s.n, z = s.oz[n];

		numbers[11] = n;
		numbers[12] = s.oid[n];
		numbers[13] = s.osize[n];
		numbers[14] = z;
		numbers[15] = s.oplace[n];
		this.clear(z, s.oplace[n]);
		return z;
	}

	/* A frame that is one record: what is not in it follows from the rule (record.h). */
	applyAlone() {
		const { s, input } = this, numbers = s.n, start = numbers[1];
		let z;

		input.pos = numbers[0];
		if (input.next() >> 1 === FREE) {
			z = this.free(input.next());
			numbers[9] = 102;
		} else {
			const id = numbers[3] + input.signed(), size = input.next();
			const n = numbers[16] ? numbers[16] - 1 : numbers[17];
			const handle = (n < numbers[17] ? s.ohandle[n] : numbers[4]) +
				input.signed();
			const at = this.classOf[size] * GROUPS;
			let g = GROUPS - 2;

			while (s.head[at + g] < 0)
				g--;
			z = s.head[at + g];
			this.add(n, id, size, handle, z, s.zfree[z], start);
			numbers[9] = 97;
		}
		const group = groupOf(s.zinuse[z], this.cobjs[this.zclass[z]]);
		if (group !== s.zgroup[z])
			this.list(z, group);
		numbers[0] = input.pos;
		numbers[1]++;
		numbers[2]++;
		numbers[8] = 1;
		numbers[10] = start;
		if (this.steps.length)
			this.steps = [];
		this.made = -1;
	}

	/* Frames of one record that follow one another, until `ops`. */
	applyRun(ops) {
		const { n } = this.s, { bytes } = this.input;

		while (n[1] < ops && bytes[n[0]] & 1)
			this.applyAlone();
	}

	/* Applies one frame; or, of its records, the first `sub`. Return: all of them? */
	apply(sub) {
		const { s, meta, input } = this;
		let count = 0, kind = 97, ops = 1, lines = 1;
		const start = s.n[1];
		let made = -1;
		const steps = sub === undefined ? [] : null;
		const next = () => input.next();

		input.pos = s.n[0];
		if (input.bytes[input.pos] & 1) {
			this.applyAlone();
			return true;
		}
		for (;;) {
			const word = next() >> 1;

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
				const n = next(), id = s.n[3] + input.signed(), size = next();
				const handle = s.n[4] + input.signed(), z = next(), place = next();
				const group = next();

				this.add(n, id, size, handle, z, place, start);
				if (group)
					this.list(z, group - 1);
				break;
			}
			case FREE: {
				const z = this.free(next()), group = next();

				kind = kind === 97 ? 102 : kind;
				if (group)
					this.list(z, group - 1);
				break;
			}
			case NEW: {
				const z = next(), c = this.zclass[z], objs = meta.classes[c].objs;

				made = z;
				s.n[18] = Math.max(s.n[18], z + 1);
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
				throw new Error('the record cannot be read at byte ' + input.pos);
			}
		}
		s.n[0] = input.pos;
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

/* The fullness group of a zspage. */
const groupOf = (inuse, objs) => !inuse ? 0 : inuse === objs ? 11 :
	Math.floor(10 * inuse / objs) + 1;

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
