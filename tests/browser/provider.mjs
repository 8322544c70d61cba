// A hospital's OpenID Connect provider on this machine: panva's oidc-provider, with people who sign in without passwords.
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const SCOPES = "user/*.cruds";
export const CLIENT = "chartroom-workspace";

/** What Chartroom takes tokens for (RFC 8707). */
export const RESOURCE = "urn:chartroom:ward";

export class Hospital {
  /** For how long the next access tokens are good. */
  seconds = 300;
  /** Whom it lets in no more, nor renews. */
  locked = new Set();
  /** How often a sign-in was renewed. */
  renewals = 0;
  #server;

  /** `people`: ids with name, roles and, where it is not everything, what they may. `workspace`: the origin that people come back to. */
  static async open(port, workspace, people) {
    const hospital = new Hospital();
    hospital.issuer = `http://127.0.0.1:${port}`;
    const provider = new Provider(hospital.issuer, hospital.#settings(workspace, people));
    provider.on("grant.success", ({ oidc }) => (hospital.renewals += oidc.params.grant_type === "refresh_token" ? 1 : 0));
    hospital.#server = createServer(provider.callback()).listen(port, "127.0.0.1");
    await once(hospital.#server, "listening");
    return hospital;
  }

  /** The sign-in file of a Chartroom server, as its operator writes it from the provider's discovery document. */
  async signInFile(name) {
    const answer = await fetch(`${this.issuer}/.well-known/openid-configuration`);
    const found = await answer.json();
    return {
      issuer: found.issuer,
      audience: RESOURCE,
      keys: [{ jwks: found.jwks_uri }],
      claims: { scope: "may" },
      leewaySeconds: 0,
      app: {
        clientId: CLIENT,
        scope: `openid profile ${SCOPES}`,
        name,
        resource: RESOURCE,
        authorizationEndpoint: found.authorization_endpoint,
        tokenEndpoint: found.token_endpoint,
      },
    };
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #settings(workspace, people) {
    const of = (id) => (this.locked.has(id) ? undefined : people[id]);
    return {
      clients: [
        {
          client_id: CLIENT,
          token_endpoint_auth_method: "none",
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          redirect_uris: [`${workspace}/signed-in`],
          post_logout_redirect_uris: [`${workspace}/signed-out`],
        },
      ],
      scopes: ["openid", "offline_access"],
      claims: { openid: ["sub"], profile: ["name"] },
      clientBasedCORS: () => true,
      issueRefreshToken: () => true,
      findAccount: (_, id) => of(id) && { accountId: id, claims: () => ({ sub: id, name: of(id).name }) },
      extraTokenClaims: (_, { accountId }) => ({ name: of(accountId).name, roles: of(accountId).roles, may: of(accountId).may ?? SCOPES }),
      // The hospital's own app: nobody is asked whether it may.
      loadExistingGrant: async ({ oidc }) => {
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope("openid profile");
        grant.addResourceScope(RESOURCE, SCOPES);
        await grant.save();
        return grant;
      },
      features: {
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: SCOPES,
            audience: RESOURCE,
            accessTokenTTL: this.seconds,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
      cookies: { keys: ["of the tests alone"] },
    };
  }
}
