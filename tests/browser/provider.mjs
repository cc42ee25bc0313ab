// A certified OpenID Connect provider with three people, for the tests: node provider.mjs PORT REDIRECT_URI
import Provider from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const groups = { ann: ['analysts'], bob: ['leads', 'sales'], eve: [] };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'nbdash', client_secret: 'a-secret-of-the-test', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
  }),
  cookies: { keys: ['a-key-of-the-test'] },
  features: { devInteractions: { enabled: true } },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
