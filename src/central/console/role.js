// Page: one role, as its author writes it, or a new one.

import { at, call, get } from './api.js';
import { h } from './dom.js';
import { rules } from './roles.js';
import { button, confirmed, field, form, say, section } from './ui.js';

const NEW = { name: '', description: '', permissions: [{ clusters: ['*'], namespaces: ['default'], resources: ['pods'], verbs: ['get', 'list', 'watch', 'logs'] }], deny: [] };

export function rolePage(view) {
  const [name] = view.values;
  if (!name) return view.show('Make a role', editor(NEW, (role) => call('POST', '/admin/roles', role)));
  const path = at`/admin/roles/${name}`;
  return view.show(`Role ${name}`, view.part(async () => {
    const { built_in: builtIn, ...role } = await get(path);
    return [
      section('In words', rules(role)),
      section('As JSON', editor(role, (next) => call('PUT', path, next))),
      !builtIn && section('Delete', h('p', {}, 'A role that users or API tokens hold cannot be deleted.'),
        button('Delete the role', () => confirmed(`Delete the role ${name}?`, 'It cannot be brought back.', 'Delete', async () => {
          await call('DELETE', path);
          say(`The role ${name} is deleted.`);
          location.hash = '#/users';
        }, name), 'danger')),
    ];
  }));
}

function editor(role, save) {
  const hint = 'Four lists say what each permission covers; * stands for everything. Each name of them may have a * too.';
  return form(field('Role', 'role', { lines: 22, value: JSON.stringify(role, null, 2), hint, class: 'code' }), 'Save the role', async (data) => {
    let next;
    try {
      next = JSON.parse(data.get('role'));
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
    const saved = await save(next);
    say(`The role ${saved.name} is saved. It counts within two seconds.`);
    location.hash = '#/users';
  });
}
