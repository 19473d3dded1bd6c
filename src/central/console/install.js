// A new token for agents, with the commands that bring an agent into its cluster: those that `mk8s admin clusters create`
// prints. The token is in none of them.

import { at, call } from './api.js';
import { h } from './dom.js';
import { copyBox, secretBox } from './ui.js';

const quote = (text) => (/^[\w.\/:@%+][\w.\/:@=%+-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const forHelm = (text) => text.replace(/[,\\{}[\]"]/g, '\\$&');

/** Makes a token; what to do with it. */
export async function agentToken(name) {
  const made = await call('POST', at`/admin/clusters/${name}/tokens`, {});
  const file = `${name}.token`;
  const pin = made.ca_pin;
  const run = `mk8s serve agent --central ${quote(made.central)} --token-file ${file}${pin ? ` --ca-pin ${quote(pin)}` : ''}`;
  const helm = [
    'kubectl create namespace mk8s-system',
    `kubectl --namespace mk8s-system create secret generic mk8s-agent-token --from-file=token=${file}`,
    `helm install mk8s-agent deploy/charts/mk8s-agent --namespace mk8s-system --set ${quote(`central.url=${forHelm(made.central)}`)}`
      + `${pin ? ` --set ${quote(`central.caPin=${forHelm(pin)}`)}` : ''} --set token.existingSecret=mk8s-agent-token`,
  ].join('\n');
  return [
    secretBox('The token of the agent', made.token),
    h('p', {}, 'Keep it in a file: paste it, then Enter and Ctrl-D.'),
    copyBox(`(umask 077; cat > ${file})`, 'Keep the token'),
    h('p', {}, 'Then run the agent on a machine that reaches the cluster:'),
    copyBox(run, 'Run the agent'),
    h('p', {}, 'Or in the cluster itself; add ', h('code', {}, '--set image.repository=REGISTRY/mk8s'), ' for where its image is:'),
    copyBox(helm, 'Install the agent'),
  ];
}
