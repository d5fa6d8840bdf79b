// Package component is the component's side of MetaGate: a program asks for its
// packet when it starts, and reports that it is up or why it is not.
//
// # A start
//
// [Start] bootstraps: it says who starts, and gets a [Packet] that says where the
// other services are, what the component may do and which secrets it needs. From then
// on MetaGate has a receipt that is OPEN, with a deadline. [Startup.Ready] closes it
// when the component is listening, [Startup.Failed] when it can't; [Startup.Close],
// deferred, reports FAILED where neither was reported and where the program panics.
// Nothing else is due: MetaGate asks nobody whether it still runs.
//
// [FromEnv] reads the [Config] from METAGATE_URL, METAGATE_API_KEY_FILE and the like.
//
// # When MetaGate is away
//
// Start, Ready and Failed try again until they are answered, or their budget (five
// seconds unless [Config] says otherwise) is spent: the error is then [ErrUnavailable] and
// names each address with what went wrong there last.
//
//   - Again: no answer (refused, reset, cut, timed out), an answer that isn't
//     MetaGate's, and the statuses 408, 429 and 5xx.
//   - Final: every other status. It comes back as a [*Problem], whose Code tells why.
//
// The addresses are asked in turn. After a round of them there is a pause: a random
// time up to 100 ms, 200 ms, 400 ms and so on to 2 s (full jitter, so that components
// that start together don't return together). An address that sent Retry-After (RFC
// 9110, section 10.2.3) isn't asked before that. Each attempt has a timeout of its
// own, so a server that hangs leaves time for the others.
//
// All attempts of one Start carry the same Idempotency-Key, by which the server knows
// a bootstrap whose answer was lost, and answers it with the same startup.
//
// # Credentials
//
// An API key is sent as X-API-Key, a JWT as Authorization: Bearer (RFC 6750). A key in
// a file is read again for each attempt, so a rotated token is picked up; where a key
// is refused with 401 and the file has another by then, that is tried at once. No key
// and no secret is logged or becomes part of an error, and a redirect to another host
// is not followed: it would get the key.
//
// # Without MetaGate
//
// With [Config.CacheDir] the packet is kept on disk, once its signature is verified
// (RFC 7515, Ed25519) against the keys that MetaGate publishes, or those of
// Config.VerifyKeysFile. Where no address gives an answer within the budget, or all
// answer with 5xx, Start succeeds with that packet: [Startup.Source] is SourceCache, and
// [Startup.Age] says how old it is. Any other answer counts, as 401 or 403: whoever was
// revoked does not start. Refused is a packet that was changed, is of another component,
// principal or credential, older than Config.CacheMaxAge, or of a lower revision than
// was seen. MetaGate is told of such a start when it answers again, in the background or
// by the component's next start, and of reports that could not be sent, too.
//
// # Secrets
//
// MetaGate never holds a secret. The packet says in which environment variable or
// file each is to be found, and [Startup.Secret] reads it there when it is used. Start
// makes sure that all are there; otherwise it reports FAILED and returns a
// [*MissingError] that names them.
//
// # Tests
//
// Package [github.com/legivellum/metagate/component/componenttest] has a MetaGate for
// the tests of a component: it answers with a packet of yours, fails on demand, and
// tells what was reported.
package component
