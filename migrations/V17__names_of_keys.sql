-- Which key of the deployment a digest was made with, by its name: after a rotation it tells whose codes depend on a former
-- key. NULL: a code from before names were kept.
ALTER TABLE identite_recovery_codes ADD COLUMN key_name text;
