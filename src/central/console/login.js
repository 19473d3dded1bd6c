// Page: log in. It stands in the place of whatever page was asked for, which is shown afterwards.

import { logIn } from './api.js';
import { h } from './dom.js';
import { field, form } from './ui.js';

export function logInPage(view) {
  const work = async (data) => {
    try {
      await logIn(data.get('email'), data.get('password'));
    } catch (problem) {
      if (problem.status === 403) {
        problem.message += `. This page was opened as ${location.origin}.`;
      }
      throw problem;
    }
  };
  view.show('Log in', h('div', { class: 'card narrow' }, form([
    field('Email', 'email', { required: true, autocomplete: 'username', inputmode: 'email', autocapitalize: 'none' }),
    field('Password', 'password', { required: true, type: 'password', autocomplete: 'current-password' }),
  ], 'Log in', work)));
  view.main.querySelector('input').focus();
}
