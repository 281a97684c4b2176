// Verifies a bundle with @sigstore/verify: node sigstore_js.mjs BUNDLE TRUSTED_ROOT PUB.pem ARTIFACT
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');

const [bundlePath, rootPath, keyPath, artifactPath] = process.argv.slice(2);
try {
	const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, 'utf8')));
	const key = createPublicKey(readFileSync(keyPath));
	const trust = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(readFileSync(rootPath, 'utf8'))),
		() => ({ publicKey: key, validFor: () => true }));
	new Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 })
		.verify(toSignedEntity(bundle));
	// what the library leaves to its caller: the statement is about the file
	const digest = createHash('sha256').update(readFileSync(artifactPath)).digest('hex');
	const statement = JSON.parse(Buffer.from(bundle.content.dsseEnvelope.payload).toString());
	if (!statement.subject.some((s) => s.digest.sha256 === digest))
		throw new Error('the statement is not about the artifact');
	console.log('Verified OK');
} catch (e) {
	console.error(String(e.message ?? e), e.cause ? String(e.cause.message ?? e.cause) : '');
	process.exit(1);
}
