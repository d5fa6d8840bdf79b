package witness

// ReportsWaiting is how many reports wait for a writer.
func (s *Service) ReportsWaiting() int { return len(s.reports.queue) }
