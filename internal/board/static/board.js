// The board without this script is a page that is loaded anew every 30 seconds. With
// it the parts that change are replaced when the server says that something has
// happened, time runs, and the keyboard leads from row to row. No text becomes
// markup here: pages are parsed by the browser as documents of their own.
'use strict';
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = $('main[data-live]');

  // --- the clock: the server's, whatever this machine's says ---
  let skew = 0;
  const now = () => Date.now() + skew;
  const setClock = (page) => { skew = Date.parse(page.documentElement.dataset.now) - Date.now(); };

  const span = (seconds) => {
    if (seconds < 120) return `${Math.floor(seconds)} s`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
    return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
  };

  // Deadlines run here; who has passed one is overdue at once, and the server is asked for the rest.
  const tick = () => {
    for (const at of $$('[data-deadline]')) {
      const left = (Date.parse(at.dataset.deadline) - now()) / 1000;
      const bar = $('progress', at);
      if (bar) bar.value = Math.max(0, left);
      const text = $('.left', at);
      if (text) text.textContent = span(Math.max(0, left));
      if (left >= 0) continue;
      const state = $('.state', at);
      if (state) state.dataset.state = state.textContent = 'OVERDUE';
      delete at.dataset.deadline;
      at.dataset.v = ''; // it isn't what the server sent
      soon(60);
    }
    for (const at of $$('time[data-ago]')) {
      const text = at.dataset.ago.replace('%', span(Math.max(0, now() - Date.parse(at.dateTime)) / 1000));
      if (at.textContent !== text) at.textContent = text;
    }
  };

  // --- replacing what has changed ---
  const busy = (node) => {
    const at = document.activeElement;
    return node.contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
  };
  const focusIn = (row) => { if (row) $('a, [tabindex]', row)?.focus({preventScroll: true}); };

  // Rows are kept where they show the same: so does the focus, and little is drawn.
  const replaceRows = (old, fresh) => {
    const focused = document.activeElement?.closest('tr');
    const place = [...old.children].indexOf(focused);
    const known = new Map([...old.children].map((row) => [row.id, row]));
    const rows = [...fresh.children].map((row) => {
      const was = known.get(row.id);
      return was?.dataset.v === row.dataset.v ? was : document.adoptNode(row);
    });
    const kept = new Set(rows);
    for (const row of known.values()) if (!kept.has(row)) row.remove();
    rows.forEach((row, i) => { if (old.children[i] !== row) old.insertBefore(row, old.children[i] ?? null); });
    if (place >= 0 && document.activeElement === document.body) focusIn(document.getElementById(focused.id) ?? old.children[place] ?? old.lastElementChild);
  };

  const replace = (page) => {
    setClock(page);
    for (const fresh of $$('[data-part]', page)) {
      const old = document.getElementById(fresh.id);
      if (!old || busy(old) || old.isEqualNode(fresh)) continue;
      for (const open of $$('details[id]', old)) { // as the reader has left them
        const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
        if (same) same.open = open.open;
      }
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      const href = focused?.getAttribute('href');
      old.replaceChildren(...fresh.childNodes);
      for (const {name, value} of fresh.attributes) old.setAttribute(name, value);
      if (!fresh.dataset.deadline) old.removeAttribute('data-deadline');
      if (href) $$('a', old).find((a) => a.getAttribute('href') === href)?.focus({preventScroll: true});
    }
    for (const fresh of $$('[data-rows]', page)) {
      const old = document.getElementById(fresh.id);
      if (old && !busy(old)) replaceRows(old, fresh);
    }
    if (!$('#acknowledge', page) !== !$('#acknowledge')) {
      if (!$('#acknowledge')) location.reload(); else if (!busy($('#acknowledge'))) $('#acknowledge').remove();
    }
    tick();
  };

  // One question at a time; what happens meanwhile is asked for after it.
  let asking = false, again = false, timer = 0;
  const refresh = () => {
    if (asking) { again = true; return; }
    asking = true;
    const ask = new XMLHttpRequest();
    ask.open('GET', location.href);
    ask.responseType = 'document'; // parsed, and never run
    ask.timeout = 20000;
    ask.onload = () => {
      if (ask.status === 200 && ask.response && $('main[data-live]', ask.response)) replace(ask.response);
      else if (ask.status < 500 && ask.status !== 429) location.reload(); // signed out
    };
    ask.onloadend = () => {
      asking = false;
      if (again) { again = false; soon(100); }
    };
    ask.send();
  };
  const soon = (ms) => { clearTimeout(timer); timer = setTimeout(refresh, ms); };

  // --- live ---
  let stream = null;
  const show = (how) => {
    const at = $('#live');
    if (at) { at.dataset.live = how; at.textContent = {on: 'live', off: 'paused', lost: 'not connected'}[how]; }
  };
  const connect = () => {
    if (document.hidden) { stream?.close(); stream = null; show('off'); return; }
    if (stream) return;
    stream = new EventSource('/board/live');
    stream.onopen = () => { show('on'); soon(0); };
    stream.onmessage = () => { if (asking) again = true; else soon(10); };
    stream.onerror = () => {
      show('lost');
      if (stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(connect, 5000); soon(0); }
    };
  };
  if (main) {
    setClock(document);
    tick();
    setInterval(tick, 1000);
    setInterval(refresh, 30000); // should a change ever be missed
    document.addEventListener('visibilitychange', connect);
    connect();
  }

  // --- the keyboard ---
  const rows = () => $$('main table.list > tbody > tr :is(th a, th [tabindex])');
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement?.closest('tr')?.querySelector(':is(th a, th [tabindex])'));
    const to = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    to?.focus();
    to?.scrollIntoView({block: 'nearest'});
  };
  const help = $('#help'), opener = $('#help-open');
  if (opener) {
    opener.hidden = false;
    opener.addEventListener('click', () => help.showModal());
  }
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || help.open || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) {
      if (e.key === 'Escape' && e.target.id === 'q') e.target.blur();
      return;
    }
    const page = opener && $$('header nav a')[Number(e.key) - 1];
    if (e.key === 'j') step(1);
    else if (e.key === 'k') step(-1);
    else if (e.key === '/' && $('#q')) $('#q').focus();
    else if (e.key === '?' && opener) help.showModal();
    else if (page) location.assign(page.href);
    else return;
    e.preventDefault();
  });
})();
