/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* unpack.js - the numbers in the page: what zlib compressed, in base64, in parts. A worker
 * unpacks each while the browser reads the next. Where there can be none, the page does
 * it by itself. Before these parts in the page.
 */

/* Stands alone, as it is the worker, too. Return: a function that takes a part of what has
 * this name; no text: its end. `reply` gets all of it, or an error. */
function unpacker(reply) {
	const inputs = {};
	/* Not in browsers from before 2025. */
	const fromBase64 = text => Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) :
		Uint8Array.from(atob(text), c => c.charCodeAt(0));
	/* Who reads the other end is told. */
	const ignore = () => {};

	return (name, text) => {
		try {
			if (!inputs[name]) {
				const inflate = new DecompressionStream('deflate');

				inputs[name] = inflate.writable.getWriter();
				new Response(inflate.readable).arrayBuffer().then(
					buffer => reply(name, buffer), e => reply(name, null, String(e)));
			}
			if (text)
				inputs[name].write(fromBase64(text)).catch(ignore);
			else
				inputs[name].close().catch(ignore);
		} catch (e) {
			if (inputs[name])
				inputs[name].abort(e).catch(ignore);
			else
				reply(name, null, String(e));
		}
	};
}

const unpacking = { parts: [], waiting: {}, send: null, worker: null };

/* A promise of the bytes with this name, and how it is kept. */
function unpacked(name) {
	return unpacking.waiting[name] ||= (() => {
		const found = {};

		found.bytes = new Promise((resolve, reject) => {
			found.reply = (buffer, error) =>
				error ? reject(error) : resolve(new Uint8Array(buffer));
		});
		return found;
	})();
}

function startUnpacking() {
	const { parts } = unpacking;
	const reply = (name, ...answer) => unpacked(name).reply(...answer);
	const here = unpacker(reply);

	unpacking.send = here;
	try {
		const text = `const take = (${unpacker})((name, buffer, error) =>
			postMessage([name, buffer, error], buffer ? [buffer] : []));
			onmessage = e => take(...e.data);`;
		const worker = new Worker(URL.createObjectURL(new Blob([text])));

		unpacking.worker = worker;
		worker.onmessage = e => reply(...e.data);
		/* Where the page has come from may forbid it. */
		worker.onerror = () => {
			unpacking.send = here;
			for (const part of parts.splice(0))
				here(...part);
		};
		unpacking.send = (...part) => {
			parts.push(part);
			worker.postMessage(part);
		};
	} catch {
		/* The page does it. */
	}
}

/* What is before this script in the page. */
function takePart(name) {
	const e = document.currentScript.previousElementSibling;

	unpacking.send(name, e.textContent);
	e.remove();
}

function takeEnd(name) {
	unpacking.send(name);
}

/* All is there. */
function endUnpacking() {
	unpacking.parts.length = 0;
	if (unpacking.worker)
		unpacking.worker.terminate();
}

startUnpacking();

/* ---- numbers ---------------------------------------------------------------------------- */

/* Numbers of 7 bits in a byte, the low ones first. */
class Numbers {
	constructor(bytes) {
		this.bytes = bytes;
		this.pos = 0;
	}
	next() {
		let b = this.bytes[this.pos++];

		if (b < 0x80)
			return b;
		let value = b & 0x7f, scale = 128;
		do {
			b = this.bytes[this.pos++];
			value += (b & 0x7f) * scale;
			scale *= 128;
		} while (b & 0x80);
		return value;
	}
	signed() {
		const v = this.next();

		/* Nearly all are whole numbers of 31 bits, which are faster. */
		return v < 1 << 30 ? v >> 1 ^ -(v & 1) : v % 2 ? -(v + 1) / 2 : v / 2;
	}
}

/* The samples: what curves and bars are drawn from. */
function readSamples(numbers, meta) {
	const samples = [], classes = new Uint32Array(2 * meta.classes.length);
	const perSection = meta.section_bytes / meta.page_size;

	for (let nr = numbers.next(); nr; nr--) {
		const s = { ops: numbers.next(), event: numbers.next(), live: numbers.next(),
			used: numbers.next(), objs: numbers.next(), pages: numbers.next(),
			freeable: numbers.next(), slabs: numbers.next(),
			resident: numbers.next(), free: numbers.next() };

		for (let i = 0; i < classes.length; i++)
			classes[i] += numbers.signed();
		s.classes = classes.slice();
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
