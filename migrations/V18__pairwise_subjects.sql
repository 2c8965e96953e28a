-- Clients that know people under names of their own (OpenID Connect Core §8.1): those with the same key under the same names. NULL: the
-- public name, users.id.
ALTER TABLE identite_client_settings ADD COLUMN pairwise_subject_key text;
