-- A session acts for an organization that its owner is a member of, or for none: whoever ends the membership, be it another application
-- on this database, ends that too.
UPDATE identite_sessions AS session
SET selected_organization_id = NULL
WHERE session.selected_organization_id IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM users_organizations AS link
    WHERE link.user_id = session.user_id AND link.organization_id = session.selected_organization_id
  );
ALTER TABLE identite_sessions
  DROP CONSTRAINT identite_sessions_selected_organization_id_fkey,
  ADD CONSTRAINT identite_sessions_selected_membership_fkey FOREIGN KEY (user_id, selected_organization_id)
    REFERENCES users_organizations (user_id, organization_id) ON UPDATE CASCADE ON DELETE SET NULL (selected_organization_id);
