// AWS signatures, version 4, of requests without body and query, with the cryptography of the browser.
import { now } from "./base.js";

const REGION = "us-east-1";
const SERVICE = "appmesh";
const encode = (text) => new TextEncoder().encode(text);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (text) => hex(await crypto.subtle.digest("SHA-256", encode(text)));
// No script, also not of an extension, can read a secret out of such a key.
const importKey = (bytes) => crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const hmac = async (key, text) => crypto.subtle.sign("HMAC", key, encode(text));

// Browsers sign only on pages that nobody between them and the server can change.
export const canSign = () => Boolean(globalThis.crypto?.subtle);

export class Signer {
  constructor(keyId, key, token) {
    Object.assign(this, { keyId, key, token });
  }

  static async create(keyId, secret, token) {
    return new Signer(keyId, await importKey(encode(`AWS4${secret}`)), token);
  }

  // Returns the headers that sign a GET of a path next to the page.
  async headers(path) {
    const url = new URL(path, document.baseURI);
    const time = new Date(now() * 1000).toISOString().replace(/[-:]|\.\d+/g, "");
    const date = time.slice(0, 8);
    const scope = `${date}/${REGION}/${SERVICE}/aws4_request`;
    const signed = { host: url.host, "x-amz-date": time, ...(this.token ? { "x-amz-security-token": this.token } : {}) };
    const names = Object.keys(signed).join(";");
    const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`).join("");
    const request = ["GET", url.pathname, "", lines, names, await sha256("")].join("\n");
    let key = this.key;
    for (const part of [date, REGION, SERVICE, "aws4_request"]) key = await importKey(await hmac(key, part));
    const signature = hex(await hmac(key, ["AWS4-HMAC-SHA256", time, scope, await sha256(request)].join("\n")));
    const { host, ...sent } = signed;
    return { ...sent, authorization: `AWS4-HMAC-SHA256 Credential=${this.keyId}/${scope}, SignedHeaders=${names}, Signature=${signature}` };
  }
}
