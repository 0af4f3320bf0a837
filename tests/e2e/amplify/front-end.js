// A front end's first steps: node front-end.js <amplify_outputs.json> <email> <password> <organisation>
//
// Prints, as one JSON object, what each step gave. Every step uses Amplify alone; only the code is
// read from the local cloud's mailbox, as a person reads it in theirs.
import { readFile } from "node:fs/promises";

import { Amplify } from "aws-amplify";
import { generateClient } from "aws-amplify/api";
import { confirmSignUp, fetchAuthSession, getCurrentUser, signIn, signOut, signUp } from "aws-amplify/auth";
import { parseAmplifyConfig } from "aws-amplify/utils";

const ME = "query { me { id email activeOrganization { name role } } }";
const [, , file, email, password, organization] = process.argv;

const outputs = JSON.parse(await readFile(file, "utf8"));
const config = parseAmplifyConfig(outputs);
config.Auth.Cognito.userPoolEndpoint = outputs.custom.userPoolEndpoint;
Amplify.configure(config);
const api = generateClient();

const refusal = async (step) => {
  try {
    await step();
  } catch (error) {
    return { name: error.name, message: error.message };
  }
  throw new Error("was not refused");
};

const mailedCode = async () => {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const answer = await fetch(`${outputs.custom.mailboxUrl}.json?to=${encodeURIComponent(email)}`);
    const code = (await answer.json()).flatMap((mail) => mail.codes)[0];
    if (code) return code;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error(`no code was mailed to ${email}`);
};

const told = {};

told.disposableAddress = await refusal(() =>
  signUp({ username: "somebody@mailinator.com", password, options: { userAttributes: { email: "somebody@mailinator.com" } } }),
);

told.signUp = await signUp({
  username: email,
  password,
  options: { userAttributes: { email }, clientMetadata: { organization_name: organization } },
});
told.beforeConfirmation = await signIn({ username: email, password });
told.wrongCode = await refusal(() => confirmSignUp({ username: email, confirmationCode: "000000" }));
told.confirmation = await confirmSignUp({ username: email, confirmationCode: await mailedCode() });
told.signedOutQuery = await refusal(() => api.graphql({ query: ME, authMode: "userPool" }));

told.wrongPassword = await refusal(() => signIn({ username: email, password: "Wrong-1-password!" }));
told.unknownUser = await refusal(() => signIn({ username: `nobody-${email}`, password }));
told.signIn = await signIn({ username: email, password, options: { authFlowType: "USER_SRP_AUTH" } });
told.alreadySignedIn = await refusal(() => signIn({ username: email, password }));
told.user = await getCurrentUser();

const session = await fetchAuthSession();
told.claims = session.tokens.accessToken.payload;
told.me = (await api.graphql({ query: ME })).data.me;
told.refusedField = await api.graphql({ query: "query { activity(first: 1000) { items { type } } }" }).then(
  () => null,
  (refused) => refused.errors[0],
);

const refreshed = await fetchAuthSession({ forceRefresh: true });
told.refreshed = {
  claims: refreshed.tokens.accessToken.payload,
  isNew: refreshed.tokens.accessToken.toString() !== session.tokens.accessToken.toString(),
};
told.meAfterRefresh = (await api.graphql({ query: ME })).data.me;

await signOut({ global: true });
told.afterSignOut = await refusal(() => getCurrentUser());

console.log(JSON.stringify(told, null, 2));
