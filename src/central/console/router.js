// Shows the page that the address names. All of it is behind the `#`, so that central serves one document.

import { currentUser, isAdmin } from './api.js';
import { fill, h } from './dom.js';
import { problemBox } from './ui.js';

let leave = new AbortController();

/** A page while it is shown: where its content goes, what the address says, and a signal for its end. */
class View {
  constructor(main, values, query, signal) {
    Object.assign(this, { main, values, query, signal });
  }

  /** Gives it a title and its content. */
  show(title, ...content) {
    document.title = `${title} · mk8s`;
    const heading = h('h1', { tabindex: -1 }, title);
    fill(this.main, heading, content);
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  /** A part of it that is loaded, and says what failed. */
  part(load) {
    const place = h('div', { class: 'part' }, h('p', { class: 'quiet' }, 'Loading…'));
    const run = async () => {
      try {
        const content = await load(run);
        if (!this.signal.aborted) fill(place, content);
      } catch (problem) {
        if (!this.signal.aborted) fill(place, problemBox(problem, run));
      }
    };
    run();
    return place;
  }

  /** Does something now and then, while the page is shown and the tab is seen. */
  every(seconds, work) {
    let busy = false;
    const tick = async () => {
      if (busy || document.hidden || this.signal.aborted) return;
      busy = true;
      await work().finally(() => { busy = false; });
    };
    const timer = setInterval(tick, seconds * 1000);
    document.addEventListener('visibilitychange', tick, { signal: this.signal });
    this.signal.addEventListener('abort', () => clearInterval(timer));
    tick();
  }
}

/** Shows pages: `routes` has a pattern, a page, and whether it is for admins alone. */
export function start(routes, logInPage) {
  const main = document.getElementById('main');
  const route = () => {
    leave.abort();
    leave = new AbortController();
    const [path, query] = (location.hash.slice(1) || '/clusters').split('?');
    const view = (values) => new View(main, values, new URLSearchParams(query), leave.signal);
    if (!currentUser()) return logInPage(view([]));
    for (const { pattern, page, admin } of routes) {
      const found = pattern.exec(path);
      if (!found) continue;
      if (admin && !isAdmin()) {
        return view([]).show('Not for you', h('p', {}, 'This page is for users with the role admin.'));
      }
      return page(view(found.slice(1).map(decoded)));
    }
    return view([]).show('No such page', h('p', {}, h('a', { href: '#/clusters' }, 'To the clusters')));
  };
  window.addEventListener('hashchange', () => {
    // The link past the navigation is no address.
    if (location.hash !== '#main') route();
  });
  return route;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
