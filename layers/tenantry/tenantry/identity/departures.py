"""Use case: users leave with the organisation that was their only one."""

from dataclasses import dataclass

from tenantry.identity.repository import Departed, UserDirectory


@dataclass(frozen=True)
class Departures:
    people: Departed
    directory: UserDirectory
    pool_id: str

    def depart(self, tenant_id: str, user_id: str) -> bool:
        """Delete a user, and all that is known of them, unless they belong elsewhere too.

        Operators of the platform stay. True when they are gone; again it is True again. First
        whoever could sign in, then the profile, which says who that is.
        """
        if self.people.belongs_elsewhere(user_id, tenant_id):
            return False
        profile = self.people.get(user_id)
        if profile is not None:
            if self.directory.is_operator(self.pool_id, profile.user_name):
                return False
            self.directory.delete(self.pool_id, profile.user_name)
        self.people.erase(user_id)
        return True
