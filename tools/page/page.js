/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* page.js - what the scripts of all pages share: elements, numbers, axes. */

const $ = id => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';

function put(e, attrs, parent, text) {
	for (const k in attrs)
		e.setAttribute(k, attrs[k]);
	if (text !== undefined)
		e.textContent = text;
	if (parent)
		parent.append(e);
	return e;
}

/* An element of HTML, and one of SVG. */
const html = (name, attrs, parent, text) =>
	put(document.createElement(name), attrs, parent, text);
const svg = (name, attrs, parent, text) =>
	put(document.createElementNS(SVG, name), attrs, parent, text);

/* 12345678 -> "12,345,678" */
const num = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ',');

/* Bytes with a unit, of three digits at least. */
function size(bytes) {
	if (!bytes)
		return '0';
	if (bytes < 10000 && bytes % 1024)
		return num(bytes) + ' bytes';
	for (const unit of ['KiB', 'MiB', 'GiB']) {
		bytes /= 1024;
		if (bytes < 1000 || unit === 'GiB')
			return (bytes < 100 && bytes % 1 ? bytes.toFixed(1) : num(bytes)) + ' ' + unit;
	}
}

const percent = (part, all) => all ? (100 * part / all).toFixed(1) + '\u00a0%' : '-';

const plural = (n, one, many) => num(n) + ' ' + (n === 1 ? one : many || one + 's');

/* Round values from 0 on, at most n + 1 of them. */
function ticks(most, n) {
	const raw = Math.max(most, 1e-9) / n;
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = power * [1, 2, 5, 10].find(m => m * power >= raw);
	const all = [];

	for (let v = 0; v <= most * 1.0001; v += step)
		all.push(v);
	return all;
}

/* The same for bytes: powers of two. */
function byteTicks(most, n) {
	let step = 1;
	const all = [];

	while (step * n < most)
		step *= 2;
	for (let v = 0; v <= most * 1.0001; v += step)
		all.push(v);
	return all;
}

/* A colour of page.css. Asked once, until light changes to dark. */
let colours = {};
const colour = name => colours[name] ||=
	getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
