// Verifies tokens with jose, as a program behind Doorward would.
//
// Reads {"keys" or "secret", "algorithm", "issuer", "tokens"} as JSON from stdin, prints a line
// for each token: "accepted" and the account, or "refused" and why.
const fs = require('node:fs');
const jose = require(process.env.DOORWARD_TEST_JOSE);

const told = JSON.parse(fs.readFileSync(0, 'utf8'));
const key = told.keys
  ? jose.createRemoteJWKSet(new URL(told.keys))
  : new TextEncoder().encode(told.secret);

async function verify(token) {
  try {
    const { payload } = await jose.jwtVerify(token, key, {
      algorithms: [told.algorithm],
      issuer: told.issuer,
      audience: told.issuer,
      typ: 'at+jwt',
      requiredClaims: ['exp', 'iat', 'nbf', 'sub'],
    });
    return `accepted ${payload.sub}`;
  } catch (error) {
    return `refused ${error.code} ${error.message}`;
  }
}

(async () => {
  for (const token of told.tokens) console.log(await verify(token));
})();
